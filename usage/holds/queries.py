"""Reads of holds: what is due, what must stop, what has ended."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from usage.holds.types import DueHold, StopOrder
from usage.models import Hold, Stop

SWEEP_BATCH = 500
LIVE = (Hold.State.WAITING, Hold.State.HELD)


def list_due(*, limit: int = SWEEP_BATCH) -> list[DueHold]:
    """Holds whose lease, or wake-up time when nobody claimed them, is past. Oldest first."""
    rows = (
        Hold.objects.filter(state__in=LIVE, lease_expires_at__lt=timezone.now())
        .order_by("lease_expires_at")
        .values_list("id", "workspace_id", "attempt", "state", "release_reason")[:limit]
    )
    return [DueHold(*row) for row in rows]


def list_stop_orders(hold_ids: Iterable[UUID]) -> list[StopOrder]:
    """Of these holds, those that must end now: asked for by a person, or covered by a stop. Two queries."""
    ids = list(hold_ids)
    if not ids:
        return []
    stops = list(Stop.objects.filter(lifted_at__isnull=True).values_list("scope", "target"))
    rows = Hold.objects.filter(id__in=ids, state__in=LIVE)
    if not stops:
        rows = rows.filter(stop_requested_at__isnull=False)
    orders = []
    for hold in rows.values(
        "id", "workspace_id", "assistant_id", "model", "request", "stop_requested_at", "stop_reason"
    ):
        if hold["stop_requested_at"]:
            orders.append(StopOrder(hold["id"], hold["workspace_id"], hold["stop_reason"]))
        elif _is_covered(hold, stops):
            orders.append(StopOrder(hold["id"], hold["workspace_id"], "emergency_stop"))
    return orders


def _is_covered(hold: Mapping[str, Any], stops: list[tuple[str, str]]) -> bool:
    """By what answers now (`usage.holds.services.turn_to`)."""
    answering = hold["request"]
    names = {
        Stop.Scope.PLATFORM: "",
        Stop.Scope.WORKSPACE: str(hold["workspace_id"]),
        Stop.Scope.ASSISTANT: str(hold["assistant_id"]),
        Stop.Scope.MODEL: str(answering.get("model") or hold["model"]),
        Stop.Scope.PROVIDER: str(answering.get("provider") or settings.PROVIDER_NAME),
    }
    return any(names[Stop.Scope(scope)] == target for scope, target in stops)


def list_ended(hold_ids: Iterable[UUID]) -> set[UUID]:
    """Of these holds, those that are resolved."""
    return set(
        Hold.objects.filter(Q(id__in=list(hold_ids)) & ~Q(state__in=LIVE)).values_list("id", flat=True)
    )


def list_held(
    *, workspace_id: UUID, person_ref: UUID | None = None, api_key_id: UUID | None = None
) -> list[UUID]:
    """The unresolved holds of a workspace, or of one person or key in it."""
    rows = Hold.objects.filter(state__in=LIVE, workspace_id=workspace_id)
    if person_ref is not None:
        rows = rows.filter(person_ref=person_ref)
    if api_key_id is not None:
        rows = rows.filter(api_key_id=api_key_id)
    return list(rows.values_list("id", flat=True))


def list_waiting(hold_ids: Iterable[UUID]) -> set[UUID]:
    """Of these holds, those that wait until others' are settled. No query for none."""
    ids = list(hold_ids)
    if not ids:
        return set()
    return set(Hold.objects.filter(id__in=ids, state=Hold.State.WAITING).values_list("id", flat=True))


def list_workspaces_waiting() -> list[UUID]:
    """Workspaces in which somebody waits for others' holds."""
    return list(
        Hold.objects.filter(state=Hold.State.WAITING).values_list("workspace_id", flat=True).distinct()
    )


def list_all_waiting() -> list[UUID]:
    """Holds that wait for others', of the whole platform."""
    return list(Hold.objects.filter(state=Hold.State.WAITING).values_list("id", flat=True))
