"""Corrections: a range of the past is rated again by reversing entries and new ones. Nothing is ever rewritten.

Counters, warnings and the cursor move in the transaction that writes the entries, so a correction that is interrupted
goes on where it was, and one that is done again does nothing.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from config import errors
from tenants import audit
from usage import ledger, prices
from usage.holds import services as holds
from usage.holds.types import Actual
from usage.limits import notices
from usage.models import LedgerEntry, Meter
from usage.rerating.models import Correction

BATCH = 200
Line = dict[str, Any]


class CorrectionRefused(errors.DomainError):
    code = "correction_refused"
    message = "This correction cannot be made."


@dataclass(frozen=True)
class Change:
    """One entry that is rated anew. `lines`: its lines of money."""

    entry: LedgerEntry
    cost_micro: int
    lines: list[Line] = field(default_factory=list)

    @property
    def delta(self) -> int:
        return self.cost_micro - self.entry.cost_micro


def begin(
    *,
    correction_id: UUID,
    provider: str,
    model: str,
    from_at: datetime,
    to_at: datetime,
    reason: str,
    actor: audit.Actor,
) -> Correction:
    """Writes the correction down; `step` does it. The same id again is the same one. Raises CorrectionRefused."""
    if from_at >= to_at or to_at > timezone.now() or not reason.strip():
        raise CorrectionRefused("A correction needs a reason and a range of the past.")
    with transaction.atomic():
        correction, created = Correction.objects.get_or_create(
            id=correction_id,
            defaults={
                "provider": provider, "model": model, "from_at": from_at, "to_at": to_at, "reason": reason.strip(),
                "created_by_ref": actor.ref,
            },
        )  # fmt: skip
        if (correction.provider, correction.model, correction.from_at, correction.to_at) != (
            provider, model, from_at, to_at,
        ):  # fmt: skip
            raise CorrectionRefused("Another correction has this id.")
        if created:
            _record("correction.begun", correction, actor)
    return correction


def run(correction_id: UUID) -> Iterator[Correction]:
    """Does it batch by batch; yields the state after each."""
    while True:
        correction = step(correction_id)
        yield correction
        if correction.state == Correction.State.DONE:
            return


def list_running() -> list[UUID]:
    rows = Correction.objects.filter(state=Correction.State.RUNNING).order_by("created_at")
    return list(rows.values_list("id", flat=True))


def step(correction_id: UUID, *, batch: int = BATCH) -> Correction:
    """The next batch, in one transaction."""
    with transaction.atomic():
        correction = Correction.objects.select_for_update().get(id=correction_id)
        if correction.state == Correction.State.DONE:
            return correction
        prices.forget()
        settlements = list(
            LedgerEntry.objects.filter(
                id__gt=correction.cursor,
                kind=LedgerEntry.Kind.SETTLEMENT,
                provider=correction.provider,
                model=correction.model,
                rated_at__gte=correction.from_at,
                rated_at__lt=correction.to_at,
            ).order_by("id")[:batch]
        )
        changes = [change for change in _rate(settlements) if change.delta]
        _write(correction, changes)
        _advance(correction, settlements, changes, is_last=len(settlements) < batch)
    return correction


def _advance(
    correction: Correction, settlements: list[LedgerEntry], changes: list[Change], *, is_last: bool
) -> None:
    if settlements:
        correction.cursor = settlements[-1].pk
    correction.looked_at += len(settlements)
    correction.corrected += len(changes)
    correction.delta_micro += sum(change.delta for change in changes)
    if is_last:
        correction.state = Correction.State.DONE
        correction.finished_at = timezone.now()
        _record("correction.finished", correction, audit.SYSTEM)
    correction.save()


def _rate(settlements: Iterable[LedgerEntry]) -> Iterator[Change]:
    """Each settlement as it stands now (a former correction may have rated it anew), with its cost by today's book."""
    wanted = {(entry.hold_id, entry.account) for entry in settlements}
    standing: dict[tuple[UUID, str], LedgerEntry] = {}
    kinds = (LedgerEntry.Kind.SETTLEMENT, LedgerEntry.Kind.RERATING)
    rows = LedgerEntry.objects.filter(hold_id__in={key[0] for key in wanted}, kind__in=kinds)
    for entry in rows.order_by("id"):
        standing[entry.hold_id, entry.account] = entry
    for hold_id, account in sorted(wanted):
        entry = standing[hold_id, account]
        cost = _cost(entry)
        if account == LedgerEntry.Account.PLATFORM:
            charged = standing.get((hold_id, LedgerEntry.Account.WORKSPACE))
            cost = cost if charged is None else max(0, _cost(charged, entry) - _cost(charged))
        money = [line for line in entry.lines if line["meter"] == Meter.COST_MICRO]
        yield Change(entry, cost, money)


def _cost(*entries: LedgerEntry) -> int:
    """What these used together, at the price of the instant at which the first was rated."""
    first = entries[0]
    rates = prices.rates(
        provider=first.provider,
        model=first.model,
        at=first.rated_at or first.created_at,
        variant=first.variant,
    )
    used = {name: sum(getattr(entry, name) for entry in entries) for name in (*ledger.BOOKED, *ledger.DETAIL)}
    return rates.cost(Actual(provider=first.provider, model=first.model, **used))


def _write(correction: Correction, changes: list[Change]) -> None:
    used = _shift_counters(changes)
    moved: dict[UUID, list[Line]] = defaultdict(list)
    for change in changes:
        taken, given = _move(change, used)
        moved[change.entry.workspace_id] += [
            {**new, "used_before": old["used_before"]} for old, new in zip(taken, given, strict=True)
        ]
        arguments: dict[str, Any] = {"correction_id": correction.id}
        ledger.append_correction(
            change.entry,
            LedgerEntry.Kind.REVERSAL,
            cost_micro=-change.entry.cost_micro,
            lines=taken,
            **arguments,
        )
        ledger.append_correction(
            change.entry, LedgerEntry.Kind.RERATING, cost_micro=change.cost_micro, lines=given, **arguments
        )
    for workspace_id, lines in moved.items():
        notices.note_crossed(workspace_id, lines)
        holds.let_in_after_commit(workspace_id)


def _shift_counters(changes: list[Change]) -> dict[int, list[int]]:
    """Moves all counters of the batch at once, in their order; returns {counter: [used before, held]}."""
    shift: dict[int, int] = defaultdict(int)
    for change in changes:
        for line in change.lines:
            shift[line["counter"]] += change.cost_micro - _booked(line)
    with connection.cursor() as cursor:
        cursor.execute("SELECT usage_shift(%s)", [json.dumps(shift)])
        before = cursor.fetchone()[0]
    rows = json.loads(before) if isinstance(before, str) else before
    return {int(counter): values[:2] for counter, values in rows.items()}


def _move(change: Change, used: dict[int, list[int]]) -> tuple[list[Line], list[Line]]:
    """The lines of the reversal and of the re-rating; `used` goes along."""
    taken, given = [], []
    for line in change.lines:
        state = used[line["counter"]]
        without = state[0] - _booked(line)
        after = without + change.cost_micro
        common = {**line, "held": 0, "held_after": state[1]}
        taken.append({**common, "used_before": state[0], "used_after": without})
        given.append({**common, "used_before": without, "used_after": after})
        state[0] = after
    return taken, given


def _booked(line: Line) -> int:
    return int(line["used_after"]) - int(line["used_before"])


def _record(action: str, correction: Correction, actor: audit.Actor) -> None:
    audit.record(
        action,
        actor=actor,
        workspace_id=None,
        target=("correction", correction.id),
        provider=correction.provider,
        model=correction.model,
        from_at=correction.from_at.isoformat(),
        to_at=correction.to_at.isoformat(),
        reason=correction.reason,
        corrected=correction.corrected,
        delta_micro=correction.delta_micro,
    )
