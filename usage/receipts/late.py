"""Receipts for settlements that have none: of the time before there were receipts, or of a fault.

They say that they were written later and from the ledger alone, so nothing of the texts is in them. None is written by
itself: a missing receipt is an open item of the books first, and it is staff who decide (`issue_missing_receipts`).
"""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from tenants import audit
from usage import ledger, prices
from usage.holds.services import held_of
from usage.holds.types import Actual, Settlement
from usage.models import Hold, LedgerEntry
from usage.receipts import bodies, examination, locks, services
from usage.receipts.models import LogKind, Receipt
from usage.receipts.settled import SettledRun

BATCH = 200


def list_workspaces() -> list[UUID]:
    """Those in which a settlement has no receipt."""
    return list(_missing().order_by("workspace_id").values_list("workspace_id", flat=True).distinct())


def issue_missing(*, workspace_id: UUID, actor: audit.Actor) -> int:
    """Writes them, each batch with its audit entry in one transaction. Returns how many; again does nothing."""
    issued = 0
    while count := _issue_batch(workspace_id, actor):
        issued += count
    return issued


def _missing() -> QuerySet[LedgerEntry]:
    # A settlement whose hold is gone cannot say what was asked: it stays an open item.
    hold = Hold.objects.filter(id=OuterRef("hold_id"))
    receipt = Receipt.objects.filter(hold_id=OuterRef("hold_id"))
    return LedgerEntry.objects.filter(
        ~Exists(receipt),
        Exists(hold),
        account=LedgerEntry.Account.WORKSPACE,
        kind=LedgerEntry.Kind.SETTLEMENT,
    )


def _issue_batch(workspace_id: UUID, actor: audit.Actor) -> int:
    with transaction.atomic():
        locks.hold(f"{workspace_id}/late")
        entries = list(_missing().filter(workspace_id=workspace_id).order_by("id")[:BATCH])
        if not entries:
            return 0
        holds = Hold.objects.in_bulk([entry.hold_id for entry in entries])
        now = timezone.now()
        Receipt.objects.bulk_create(_receipt(entry, holds[entry.hold_id], now) for entry in entries)
        audit.record("receipts.issued_late", actor=actor, workspace_id=workspace_id, count=len(entries))
        examination.forget(workspace_id)
        transaction.on_commit(lambda: services.wake_sequencer(workspace_id, LogKind.RECEIPTS))
    return len(entries)


def _receipt(entry: LedgerEntry, hold: Hold, now: datetime) -> Receipt:
    receipt_id = uuid4()
    rows = prices.list_rows(
        provider=entry.provider, model=entry.model, at=hold.created_at, variant=entry.variant
    )
    return Receipt(
        id=receipt_id,
        workspace_id=entry.workspace_id,
        hold_id=entry.hold_id,
        person_ref=entry.person_ref,
        kind=hold.kind,
        model=hold.model,
        body=bodies.canonical(bodies.of_receipt(receipt_id, _settled(entry, hold), rows)),
        created_at=now,
    )


def _settled(entry: LedgerEntry, hold: Hold) -> SettledRun:
    used = {name: getattr(entry, name) for name in (*ledger.BOOKED, *ledger.DETAIL)}
    actual = Actual(
        provider=entry.provider,
        model=entry.model,
        variant=entry.variant,
        is_estimated=entry.is_estimated,
        **used,
    )
    return SettledRun(
        attempt=hold.attempt,
        settlement=Settlement(
            entry.pk, entry.cost_micro, entry.created_at, actual, held_of(hold), entry.lines
        ),
        state="settled",
        finish_reason="",
        model_answered="",
        prompt_hash="",
        answer_hash="",
        parameters={},
        started_at=None,
        is_late=True,
    )
