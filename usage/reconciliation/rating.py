"""Is every entry of the ledger what was used times its price? Reckoned again from the price book, entry by entry.

A price that came in later with an earlier date makes a difference until its range is corrected (`usage.rerating`): from
then on the last re-rating is what is compared.
"""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from usage import ledger, prices
from usage.holds.types import Actual, Amount
from usage.models import Hold, LedgerEntry, Meter
from usage.reconciliation.receipts import Difference

BATCH = 1000
SUBJECT = "cost by the price book"


def differences(*, workspace_id: UUID, begins_at: datetime, ends_at: datetime) -> list[Difference]:
    """By model, the sums of those entries of [begins_at, ends_at) that differ. Three queries per BATCH entries."""
    settled = LedgerEntry.objects.filter(
        workspace_id=workspace_id,
        account=LedgerEntry.Account.WORKSPACE,
        kind=LedgerEntry.Kind.SETTLEMENT,
        created_at__gte=begins_at,
        created_at__lt=ends_at,
    ).order_by("id")
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    last = 0
    while batch := list(settled.filter(id__gt=last)[:BATCH]):
        last = batch[-1].pk
        for entry, expected, found in _rated(batch):
            if expected != found:
                sums[entry.model][0] += expected
                sums[entry.model][1] += found
    return [Difference(model, SUBJECT, *pair) for model, pair in sorted(sums.items())]


def _rated(batch: list[LedgerEntry]) -> list[tuple[LedgerEntry, int, int]]:
    ids = [entry.hold_id for entry in batch]
    holds = Hold.objects.in_bulk(ids)
    corrected = LedgerEntry.objects.filter(
        hold_id__in=ids, account=LedgerEntry.Account.WORKSPACE, kind=LedgerEntry.Kind.RERATING
    ).order_by("id")
    standing = dict(corrected.values_list("hold_id", "cost_micro"))
    return [
        (entry, _cost(entry), standing[entry.hold_id])
        if entry.hold_id in standing
        else (entry, min(_cost(entry), _held(holds.get(entry.hold_id), _cost(entry))), entry.cost_micro)
        for entry in batch
    ]


def _cost(entry: LedgerEntry) -> int:
    rates = prices.rates(
        provider=entry.provider,
        model=entry.model,
        at=entry.rated_at or entry.created_at,
        variant=entry.variant,
    )
    used = {name: getattr(entry, name) for name in (*ledger.BOOKED, *ledger.DETAIL)}
    return rates.cost(Actual(provider=entry.provider, model=entry.model, **used))


def _held(hold: Hold | None, cost: int) -> int:
    """A settlement never books more than was held."""
    found = hold.request["meters"].get(Meter.COST_MICRO) if hold is not None else None
    return Amount(*found).at(hold.output_cap) if hold is not None and found else cost
