"""Whether a workspace's plan includes something: kept in the process for less than a second (docs/entitlements.md)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts import queries as accounts_queries
from config import errors
from tenants import links
from tenants.scope import WorkspaceNotFound, get_ref
from usage.features.keys import label_of
from usage.limits import amounts
from usage.models import GAUGES, Limit, Rights, SubjectKind, Window

FRESH_NS = 900_000_000
"""A change is effective everywhere within a second: what is kept was read less than this ago."""

RESTRICTED_WORDS = {
    "payment_overdue": "A payment is overdue, so this workspace is read-only. Nothing is deleted, and all of it works"
    " again as soon as the payment is made.",
    "no_plan": "This workspace has no plan yet, so nothing can be changed in it. Whoever runs this service can give it"
    " one.",
}


class FeatureNotIncluded(errors.DomainError):
    """The plan does not include it.

    `data`: feature, label, plan (the one in effect), sold_in (the smallest plan that has it, or ""), upgrade_url.
    """

    code = "feature_not_included"
    status = 402
    fragment = "usage/_refusal.html"
    message = "This is not part of your plan."


class WorkspaceRestricted(errors.DomainError):
    """The workspace is read-only until something is paid. `data`: reason, upgrade_url."""

    code = "workspace_restricted"
    status = 402
    fragment = "usage/_refusal.html"
    message = "This workspace is read-only at the moment."


class SeatOverPlan(errors.DomainError):
    """The person is beyond the seats of the plan: reads, but changes nothing. `data`: seats, upgrade_url."""

    code = "seat_over_plan"
    status = 402
    fragment = "usage/_refusal.html"
    message = "The plan has fewer seats than this workspace has persons, and you are one of those beyond."


@dataclass(frozen=True)
class State:
    """What was pushed last. `over_seats`: memberships beyond the seats; they may only read. `gauges`: meter → how many
    the plan holds, None any number."""

    plan_key: str = ""
    plan_name: str = ""
    features: frozenset[str] = frozenset()
    sold_in: Mapping[str, str] = field(default_factory=dict)
    upgrade_text: str = ""
    seats_allowed: int | None = 0
    restricted_reason: str = "no_plan"
    over_seats: frozenset[UUID] = frozenset()
    gauges: Mapping[str, int | None] = field(default_factory=dict)
    version: int = 0

    @property
    def is_restricted(self) -> bool:
        return bool(self.restricted_reason)


NOTHING = State()
"""A workspace that nobody pushed anything for."""

_kept: dict[UUID, tuple[int, State]] = {}


def state_of(workspace_id: UUID) -> State:
    """Three queries at most, once in FRESH_NS."""
    asked_at = time.monotonic_ns()
    found = _kept.get(workspace_id)
    if found is not None and asked_at - found[0] < FRESH_NS:
        return found[1]
    state = read(workspace_id)
    # From when it was asked for: a change that came while it was read is seen in time all the same.
    _kept[workspace_id] = (asked_at, state)
    return state


def read(workspace_id: UUID) -> State:
    """What stands in the database now: for whoever holds a lock and must be exact."""
    row = Rights.objects.filter(workspace_id=workspace_id).first()
    if row is None:
        return NOTHING
    over: list[UUID] = []
    if row.seats_allowed is not None:
        over = accounts_queries.list_memberships_beyond(workspace_id, seats=row.seats_allowed)
    return State(
        plan_key=row.plan_key,
        plan_name=row.plan_name,
        features=frozenset(row.features),
        sold_in=row.sold_in,
        upgrade_text=row.upgrade_text,
        seats_allowed=row.seats_allowed,
        restricted_reason=row.restricted_reason,
        over_seats=frozenset(over),
        gauges=read_gauges(workspace_id),
        version=row.version,
    )


def read_gauges(workspace_id: UUID) -> dict[str, int | None]:
    """How many of what is counted in total the plan holds, overrides considered. One query."""
    rows: Any = amounts.with_effective_amount(
        Limit.objects.filter(
            workspace_id=workspace_id,
            subject_kind=SubjectKind.WORKSPACE,
            window=Window.TOTAL,
            meter__in=GAUGES,
        ),
        now=timezone.now(),
    )
    return {row.meter: row.effective for row in rows}


def forget(workspace_id: UUID) -> None:
    _kept.pop(workspace_id, None)


def forget_all() -> None:
    _kept.clear()


def has(workspace_id: UUID, key: str) -> bool:
    return key in state_of(workspace_id).features


def require(workspace_id: UUID, key: str) -> None:
    """Raises FeatureNotIncluded."""
    state = state_of(workspace_id)
    if key in state.features:
        return
    label, sold_in = label_of(key), state.sold_in.get(key, "")
    words = f"{label}: not part of {_plan(state)}."
    if sold_in:
        words += f" It comes with {sold_in}."
    elif state.upgrade_text:
        words += f" {state.upgrade_text}"
    data = {
        "feature": str(key),
        "label": label,
        "plan": state.plan_name,
        "sold_in": sold_in,
        "upgrade_url": upgrade_url(workspace_id),
    }
    raise FeatureNotIncluded(words, data=data)


def require_writable(workspace_id: UUID, *, membership_id: UUID | None = None) -> None:
    """Raises WorkspaceRestricted; for a membership also SeatOverPlan."""
    state = state_of(workspace_id)
    if state.is_restricted:
        reason = state.restricted_reason
        raise WorkspaceRestricted(
            RESTRICTED_WORDS.get(reason), data={"reason": reason, "upgrade_url": upgrade_url(workspace_id)}
        )
    if membership_id is not None and membership_id in state.over_seats:
        raise SeatOverPlan(
            f"There are more persons here than {_plan(state)} has seats ({state.seats_allowed}), and you joined after"
            " those were taken: you can read, and write again as soon as an owner adds seats.",
            data={"seats": state.seats_allowed, "upgrade_url": upgrade_url(workspace_id)},
        )


def _plan(state: State) -> str:
    return f"the plan {state.plan_name}" if state.plan_name else "your plan"


def upgrade_url(workspace_id: UUID) -> str | None:
    """Where an owner changes the plan; None for a workspace that is gone. Two queries."""
    try:
        return links.absolute_workspace_url(get_ref(id=workspace_id), settings.UPGRADE_PAGE)
    except WorkspaceNotFound:
        return None
