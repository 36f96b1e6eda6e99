"""What is to be told of usage: ledger entries of metered spans become reports, each entry and meter once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from billing.metering.models import MeteredSpan, MeterReport
from usage.ledger import BOOKED, DETAIL
from usage.models import LedgerEntry, Meter

BATCH = 1000
LATE = timedelta(hours=1)
"""An entry gets its instant before its commit: so far back each look goes."""
WHOLE = timedelta(days=36)
"""So far back goes the nightly one: what is older is not taken by the payment service."""
COLUMNS = {name: F(name) for name in (*BOOKED, *DETAIL, Meter.COST_MICRO.value)} | {
    Meter.TOKENS.value: F("input_tokens") + F("output_tokens")
}


def collect(*, now: datetime, whole: bool = False) -> int:
    """Writes reports for what is in the ledger and not yet in the outbox. Safe for any number of callers at once.

    Returns how many. `whole`: as far back as anything can be told, instead of since the last look.
    """
    return sum(_collect(span, now, whole) for span in _open_spans(now))


def _open_spans(now: datetime) -> QuerySet[MeteredSpan]:
    """Those that go on, and those that ended so recently that a late entry may still come."""
    may_come = Q(ends_at=None) | Q(collected_at=None) | Q(collected_at__lte=F("ends_at") + LATE)
    return MeteredSpan.objects.filter(may_come, begins_at__lte=now)


def _collect(span: MeteredSpan, now: datetime, whole: bool) -> int:
    written = 0
    since = span.begins_at
    if span.collected_at is not None:
        since = max(since, now - WHOLE if whole else span.collected_at - LATE)
    for meter in span.meters:
        found = _reports(span, meter, since)
        while rows := list(islice(found, BATCH)):
            written += len(MeterReport.objects.bulk_create(rows, ignore_conflicts=True))
    MeteredSpan.objects.filter(id=span.pk).update(collected_at=now)
    return written


def _reports(span: MeteredSpan, meter: str, since: datetime) -> Iterator[MeterReport]:
    told = MeterReport.objects.filter(entry_id=OuterRef("pk"), meter=meter)
    entries = entries_of(span, since).annotate(told_value=COLUMNS[meter]).exclude(told_value=0)
    rows = entries.exclude(Exists(told)).order_by("id")
    for entry in rows.values("id", "hold_id", "created_at", "told_value").iterator(chunk_size=BATCH):
        yield MeterReport(
            identifier=identifier_of(entry["id"], meter, entry["hold_id"]),
            entry_id=entry["id"],
            meter=meter,
            workspace_id=span.workspace_id,
            customer_id=span.customer_id,
            event_name=span.meters[meter]["event"],
            value=entry["told_value"],
            used_at=entry["created_at"],
            next_attempt_at=entry["created_at"],
        )


def entries_of(span: MeteredSpan, since: datetime) -> QuerySet[LedgerEntry]:
    """What the workspace itself is charged with; the platform's own losses are told to nobody."""
    rows = LedgerEntry.objects.filter(
        workspace_id=span.workspace_id, account=LedgerEntry.Account.WORKSPACE, created_at__gte=since
    )
    return rows.filter(created_at__lt=span.ends_at) if span.ends_at else rows


def identifier_of(entry_id: int, meter: str, hold_id: UUID) -> str:
    """The hold's id keeps installations apart that share a key of the payment service: their ledgers count alike."""
    return f"ledger-{entry_id}-{meter}-{hold_id.hex[:12]}"
