"""Reads of limits: how each stands now, which notices and stops there are to tell about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from config import errors
from usage.holds import explain
from usage.limits import amounts, windows
from usage.models import Counter, Limit, Meter, QuotaNotice, SubjectKind

PROJECT_AFTER = timedelta(hours=1)
"""A projection from less than this would be a guess."""


@dataclass(frozen=True)
class Standing:
    """A limit in its present window. `limit` None: unlimited (nothing is counted against it).

    `warn_at`: from here the owners are told. `block_at`: above this no new run is let in. `projected`: where `used`
    will be when the window ends, at the rate so far; None when that cannot be said.
    """

    limit_id: int
    subject: str
    subject_id: str
    meter: str
    window: str
    limit: int | None
    warn_at: int | None
    block_at: int | None
    used: int
    held: int
    window_start: date
    resets_at: datetime | None
    projected: int | None
    who_can_raise: str
    set_by: str
    is_overridden: bool
    overridden_until: datetime | None

    @property
    def subject_kind(self) -> str:
        return self.subject


@dataclass(frozen=True)
class Viewpoint:
    """Which limits somebody sees: everybody those of the workspace, its assistants and projects, and their own."""

    workspace_id: UUID
    zone: str
    person_ref: UUID
    key_ids: tuple[UUID, ...] = ()
    sees_all: bool = False
    anchor_day: int = 1

    def condition(self) -> Q:
        if self.sees_all:
            return ~Q(subject_kind=SubjectKind.VISITOR)
        # SECURITY: other persons' limits, and those of their keys, are theirs.
        shared = Q(subject_kind__in=[SubjectKind.WORKSPACE, SubjectKind.ASSISTANT, SubjectKind.PROJECT])
        own = Q(subject_kind=SubjectKind.PERSON, subject_id=str(self.person_ref))
        keys = Q(subject_kind=SubjectKind.API_KEY, subject_id__in=[str(key_id) for key_id in self.key_ids])
        return shared | own | keys


def list_standings(viewpoint: Viewpoint, *, now: datetime, only: Q | None = None) -> list[Standing]:
    """Two queries, however many limits there are."""
    limits = list(
        amounts.with_effective_amount(Limit.objects.filter(workspace_id=viewpoint.workspace_id), now=now)
        .filter(viewpoint.condition(), only or Q())
        .order_by("subject_kind", "subject_id", "meter", "window")
    )
    starts = windows.starts(zone=viewpoint.zone, at=now, anchor_day=viewpoint.anchor_day)
    counters = _counters(viewpoint.workspace_id, starts)
    order = list(SubjectKind.values)
    standings = [_standing(limit, viewpoint, starts[limit.window], counters, now) for limit in limits]
    return sorted(standings, key=lambda row: order.index(row.subject))


def _counters(workspace_id: UUID, starts: Mapping[str, date]) -> dict[tuple[str, str, str, str], Counter]:
    present = Q()
    for window, start in starts.items():
        present |= Q(window=window, window_start=start)
    rows = Counter.objects.filter(present, workspace_id=workspace_id)
    return {(row.subject_kind, row.subject_id, row.meter, row.window): row for row in rows}


def _standing(
    limit: Any,
    viewpoint: Viewpoint,
    start: date,
    counters: Mapping[tuple[str, str, str, str], Counter],
    now: datetime,
) -> Standing:
    counter = counters.get((limit.subject_kind, limit.subject_id, limit.meter, limit.window))
    used, held = (counter.used, counter.held) if counter else (0, 0)
    resets_at = windows.resets_at(limit.window, start, zone=viewpoint.zone, anchor_day=viewpoint.anchor_day)
    amount = limit.effective
    return Standing(
        limit_id=limit.pk,
        subject=limit.subject_kind,
        subject_id=limit.subject_id,
        meter=limit.meter,
        window=limit.window,
        limit=amount,
        warn_at=None if amount is None else -(-amount * limit.warn_percent // 100),
        block_at=None if amount is None else amount * limit.block_percent // 100,
        used=used,
        held=held,
        window_start=start,
        resets_at=resets_at,
        projected=project(used, start=start, resets_at=resets_at, now=now, zone=viewpoint.zone),
        who_can_raise=explain.WHO_CAN_RAISE[SubjectKind(limit.subject_kind)],
        set_by=limit.source,
        is_overridden=limit.overridden is not None,
        overridden_until=limit.overridden_until,
    )


def project(used: int, *, start: date, resets_at: datetime | None, now: datetime, zone: str) -> int | None:
    """`used` at the window's end if it goes on as it did since its start. Integers all the way, rounded down."""
    if resets_at is None:
        return None
    began = windows.first_moment(start, zone)
    elapsed, whole = now - began, resets_at - began
    if elapsed < PROJECT_AFTER:
        return None
    return used * (whole // timedelta(seconds=1)) // (elapsed // timedelta(seconds=1))


def list_notices(
    workspace_id: UUID, *, person_ref: UUID, zone: str, now: datetime, anchor_day: int = 1
) -> list[QuotaNotice]:
    """Lines crossed in windows that still run and that the person has not dismissed; the worst of each limit.

    A limit that was raised since is nothing to tell about any more. Two queries.
    """
    starts = windows.starts(zone=zone, at=now, anchor_day=anchor_day)
    present = Q()
    for window, start in starts.items():
        present |= Q(limit__window=window, window_start=start)
    rows = (
        QuotaNotice.objects.filter(present, workspace_id=workspace_id)
        .exclude(dismissals__person_ref=person_ref)
        .select_related("limit")
        .order_by("limit_id", "line")  # "block" before "warn"
    )
    worst: dict[int, QuotaNotice] = {}
    for row in rows:
        worst.setdefault(row.limit_id, row)
    present_amounts = _present_amounts(worst, now=now) if worst else {}
    return [row for row in worst.values() if not _is_raised(row, present_amounts[row.limit_id])]


def _present_amounts(limit_ids: Iterable[int], *, now: datetime) -> dict[int, int | None]:
    rows: Any = amounts.with_effective_amount(Limit.objects.filter(pk__in=list(limit_ids)), now=now)
    return {row.pk: row.effective for row in rows}


def _is_raised(notice: QuotaNotice, amount: int | None) -> bool:
    return amount is None or amount > notice.amount


def limits_money(workspace_id: UUID) -> bool:
    """Whether any limit on money may apply to a run here. One query."""
    money = Limit.objects.filter(meter=Meter.COST_MICRO)
    here = money.filter(Q(workspace_id=workspace_id) | Q(subject_kind=SubjectKind.PLATFORM))
    rows: Any = amounts.with_effective_amount(here, now=timezone.now())
    return bool(rows.exclude(effective=None).exists())


def access_limit(workspace_id: UUID, limit_id: int) -> Limit:
    """Raises NotFound."""
    limit = Limit.objects.filter(workspace_id=workspace_id, pk=limit_id).first()
    if limit is None:
        raise errors.NotFound()
    return limit


METERS_OF_RUNS = tuple(
    meter
    for meter in Meter
    if meter not in (Meter.STORED_BYTES, Meter.SEATS, Meter.ASSISTANTS, Meter.PROJECTS)
)
"""What runs use: a page may set limits on these; what a plan counts otherwise is the plan's."""
