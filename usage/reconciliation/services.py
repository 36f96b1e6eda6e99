"""Closing the books of a day: ledger = counters = receipts = provider = biller, or an open item that says where not."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from config import errors
from tenants import audit
from tenants.models import Workspace
from usage.models import LedgerEntry
from usage.receipts import examination
from usage.receipts.models import PLATFORM, LogKind
from usage.receipts.verdicts import Verdict
from usage.reconciliation import alarms, billed, invariants, rating, receipts, reports
from usage.reconciliation.models import BooksItem

logger = logging.getLogger(__name__)
RECENT = timedelta(days=8)
AGAIN, AGAIN_S = 3, 2
Kind = BooksItem.Kind


class NoteMissing(errors.DomainError):
    code = "note_missing"
    message = "Say in words why this item is explained."


@dataclass(frozen=True)
class Finding:
    """`workspace_id` None is the platform."""

    kind: str
    workspace_id: UUID | None
    model: str = ""
    subject: str = ""
    expected: int = 0
    found: int = 0


def yesterday() -> date:
    return timezone.now().astimezone(UTC).date() - timedelta(days=1)


def close(*, day: date, workspace_ids: Iterable[UUID] | None = None) -> list[Finding]:
    """Compares everything of a day (UTC) and writes the items. Doing it again brings them up to date."""
    chosen = None if workspace_ids is None else list(workspace_ids)
    findings = [_of_violation(row) for row in invariants.check(workspace_ids=chosen)]
    for workspace_id in chosen if chosen is not None else Workspace.objects.values_list("id", flat=True):
        findings += [
            *_compare_settlements(workspace_id, day),
            *_compare_billed(workspace_id, day),
            *(found for kind in LogKind for found in _examine_log(workspace_id, kind)),
        ]
    if chosen is None:
        findings += [*_compare_provider(day), *_examine_log(PLATFORM, LogKind.AUDIT)]
    _record(findings, day, chosen)
    return findings


def check_recent() -> list[Finding]:
    """The invariants of windows that began within RECENT. Alarms, and writes an item, for each that does not hold."""
    findings = [_of_violation(row) for row in invariants.check(since=timezone.now() - RECENT)]
    with transaction.atomic():
        transaction.on_commit(alarms.tell_staff)
        for finding in findings:
            _put(finding, timezone.now().astimezone(UTC).date())
    return findings


def _of_violation(row: invariants.Violation) -> Finding:
    logger.error(
        "an invariant of the books does not hold",
        extra={
            "invariant": row.invariant, "workspace_id": str(row.workspace_id), "place": row.where,
            "expected": row.expected, "found": row.found,
        },
    )  # fmt: skip
    kind = Kind.COUNTERS if row.invariant in ("I1", "I2") else Kind.INVARIANT
    subject = f"{row.invariant} {row.where}"
    return Finding(kind, row.workspace_id, subject=subject, expected=row.expected, found=row.found)


def _bounds(day: date) -> tuple[datetime, datetime]:
    begins_at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return begins_at, begins_at + timedelta(days=1)


def _compare_settlements(workspace_id: UUID, day: date) -> list[Finding]:
    begins_at, ends_at = _bounds(day)
    span: dict[str, Any] = {"workspace_id": workspace_id, "begins_at": begins_at, "ends_at": ends_at}
    compared = [(Kind.RECEIPTS, receipts.differences(**span)), (Kind.PRICES, rating.differences(**span))]
    return [
        Finding(kind, workspace_id, row.model, row.subject, row.expected, row.found)
        for kind, rows in compared
        for row in rows
    ]


def _compare_billed(workspace_id: UUID, day: date) -> list[Finding]:
    begins_at, ends_at = _bounds(day)
    try:
        rows = billed.differences(workspace_id=workspace_id, begins_at=begins_at, ends_at=ends_at)
    except billed.BillerUnavailable:
        logger.warning("the biller could not be asked", extra={"workspace_id": str(workspace_id)})
        return [Finding(Kind.NO_BILLER, workspace_id)]
    return [
        Finding(Kind.BILLED, workspace_id, subject=row.meter, expected=row.expected, found=row.found)
        for row in rows
    ]


def _examine_log(workspace_id: UUID, kind: LogKind) -> list[Finding]:
    """All of it: the verdicts that people are told by day stand on this."""
    findings = []
    verdicts = examination.examine_whole(workspace_id, kind)
    for name in ("integrity", "completeness"):
        verdict: Verdict = getattr(verdicts, name)
        if not verdict.holds:
            subject = f"{kind} log: {name}: {verdict.problems[0].code}"
            whose = None if workspace_id == PLATFORM else workspace_id
            findings.append(Finding(Kind.LOG, whose, "", subject, 0, verdict.count))
    return findings


def _compare_provider(day: date) -> list[Finding]:
    """Providers report by account, not by workspace: all workspaces and the platform's own losses together."""
    begins_at, ends_at = _bounds(day)
    report = reports.configured()
    if report is None:
        return [
            Finding(Kind.NO_REPORT, None, model, settings.PROVIDER_NAME, expected=sums["input_tokens"])
            for model, sums in _booked(begins_at, ends_at).items()
        ]
    try:
        findings = _compare_report(report, begins_at, ends_at)
        for _ in range(AGAIN):
            if not findings:
                break
            # A call that ends while both are read is in one of them and not in the other.
            time.sleep(AGAIN_S)
            findings = _compare_report(report, begins_at, ends_at)
    except reports.ReportUnavailable:
        logger.warning("the provider's report could not be read")
        return [Finding(Kind.NO_REPORT, None, "", settings.PROVIDER_NAME)]
    return findings


def _compare_report(report: reports.Report, begins_at: datetime, ends_at: datetime) -> list[Finding]:
    """Meters that the report does not name are not compared."""
    billed = report.read(begins_at=begins_at, ends_at=ends_at)
    booked = _booked(billed.since, billed.until or timezone.now())
    return [
        Finding(Kind.PROVIDER, None, model, meter, billed_sum, booked_sum)
        for model in sorted({*booked, *billed.by_model})
        for meter in billed.meters
        if (billed_sum := billed.by_model.get(model, {}).get(meter, 0))
        != (booked_sum := booked.get(model, {}).get(meter, 0))
    ]


def _booked(begins_at: datetime | None, ends_at: datetime) -> dict[str, dict[str, int]]:
    rows = LedgerEntry.objects.filter(
        provider=settings.PROVIDER_NAME, kind=LedgerEntry.Kind.SETTLEMENT, created_at__lt=ends_at
    )
    if begins_at is not None:
        rows = rows.filter(created_at__gte=begins_at)
    sums = rows.order_by().values_list("model").annotate(*(Sum(meter) for meter in reports.METERS))
    return {model: dict(zip(reports.METERS, values, strict=True)) for model, *values in sums}


def _record(findings: list[Finding], day: date, chosen: list[UUID] | None) -> None:
    """Writes what differs; what was open for the day and differs no more is settled."""
    with transaction.atomic():
        transaction.on_commit(alarms.tell_staff)
        standing = {_put(finding, day) for finding in findings}
        gone = BooksItem.objects.filter(day=day, state=BooksItem.State.OPEN).exclude(pk__in=standing)
        if chosen is not None:
            gone = gone.filter(workspace_id__in=chosen)
        gone.update(state=BooksItem.State.SETTLED, changed_at=timezone.now())
        audit.record(
            "books.closed",
            actor=audit.SYSTEM,
            workspace_id=None,
            day=day.isoformat(),
            workspaces=None if chosen is None else len(chosen),
            open_items=len(standing),
        )


def _put(finding: Finding, day: date) -> int:
    """An explained item that says the same stays explained; one that says something else is open again."""
    key = {
        "kind": finding.kind,
        "workspace_id": finding.workspace_id,
        "model": finding.model,
        "subject": finding.subject[:120],
        "day": day,
    }
    numbers = {"expected": finding.expected, "found": finding.found}
    item, created = BooksItem.objects.get_or_create(**key, defaults=numbers)
    same = (item.expected, item.found) == (finding.expected, finding.found)
    if not created and not (same and item.state == BooksItem.State.EXPLAINED):
        if item.state != BooksItem.State.OPEN:
            item.alarmed_at = None
        item.expected, item.found, item.state = finding.expected, finding.found, BooksItem.State.OPEN
        item.save(update_fields=["expected", "found", "state", "alarmed_at", "changed_at"])
    return item.pk


def explain(*, item_id: int, note: str, actor: audit.Actor) -> None:
    """Staff know why. Raises NoteMissing."""
    if not note.strip():
        raise NoteMissing()
    with transaction.atomic():
        item = BooksItem.objects.select_for_update().get(id=item_id)
        item.state, item.note, item.explained_by_ref = BooksItem.State.EXPLAINED, note.strip(), actor.ref
        item.save(update_fields=["state", "note", "explained_by_ref", "changed_at"])
        audit.record(
            "books_item.explained",
            actor=actor,
            workspace_id=item.workspace_id,
            target=("books_item", item.pk),
            note=item.note,
        )
