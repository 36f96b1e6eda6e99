"""Reads of receipts and logs. `access_*` is the only way a view obtains one object: it checks whose it is."""

from datetime import datetime
from uuid import UUID

from django.db.models import Min, Q, QuerySet

from accounts.permissions import Member, Permission, check
from config import errors
from usage.receipts import completeness, examination
from usage.receipts.models import AuditPending, Checkpoint, Log, LogKind, Receipt
from usage.receipts.verdicts import Verdict, Verdicts


class ReceiptNotFound(errors.NotFound):
    code = "receipt_not_found"
    message = "There is no such receipt, or you cannot see it."


def sees_all(member: Member) -> bool:
    return member.can(Permission.WORKSPACE_MANAGE)


def list_receipts(member: Member) -> QuerySet[Receipt]:
    rows = Receipt.objects.filter(workspace_id=member.workspace_id)
    # SECURITY: a receipt says what somebody did and when. People see their own; who manages the workspace, all.
    return rows if sees_all(member) else rows.filter(person_ref=member.person_ref)


def access_receipt(member: Member, receipt_id: UUID) -> Receipt:
    """Raises ReceiptNotFound."""
    row = list_receipts(member).filter(id=receipt_id).first()
    if row is None:
        raise ReceiptNotFound()
    return row


def page_of_receipts(member: Member, *, before: UUID | None, limit: int) -> list[Receipt]:
    """Newest first; `before` is the last one of the page before. Two queries."""
    rows = list_receipts(member)
    if before is not None:
        last = access_receipt(member, before)
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id))
    return list(rows.order_by("-created_at", "-id")[:limit])


def filter_receipts(
    rows: QuerySet[Receipt],
    *,
    kind: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Receipt]:
    asked = {"kind": kind, "model": model, "created_at__gte": since, "created_at__lt": until}
    return rows.filter(**{name: value for name, value in asked.items() if value is not None})


def read_id(text: str) -> UUID:
    """Raises ReceiptNotFound."""
    try:
        return UUID(text)
    except ValueError as error:
        raise ReceiptNotFound() from error


def access_log_kind(member: Member, text: str | None) -> LogKind:
    """The log that a request names, receipts by default. Raises NotFound or Forbidden."""
    try:
        kind = LogKind(text or LogKind.RECEIPTS)
    except ValueError as error:
        raise errors.NotFound(f"There is no log of kind {text!r}.") from error
    if kind == LogKind.AUDIT:
        # SECURITY: the sizes of the audit log tell when something was administered.
        check(member, Permission.AUDIT_VIEW)
    return kind


def checkpoints(workspace_id: UUID, kind: LogKind) -> QuerySet[Checkpoint]:
    return (
        Checkpoint.objects.filter(log__workspace_id=workspace_id, log__kind=kind)
        .select_related("log__first_key", "signing_key")
        .order_by("-size")
    )


def newest_checkpoint(workspace_id: UUID, kind: LogKind) -> Checkpoint | None:
    return checkpoints(workspace_id, kind).first()


def checkpoint_of(workspace_id: UUID, kind: LogKind, size: int) -> Checkpoint | None:
    return checkpoints(workspace_id, kind).filter(size=size).first()


def list_waiting_logs() -> list[tuple[UUID, LogKind]]:
    """The logs that have something to number, the longest waiting first. Two queries."""
    waiting = Receipt.objects.filter(state=Receipt.State.PENDING)
    receipts = waiting.values("workspace_id").annotate(since=Min("created_at")).order_by("since")
    audits = AuditPending.objects.values("workspace_id").annotate(since=Min("entry_id")).order_by("since")
    return [
        *((row["workspace_id"], LogKind.RECEIPTS) for row in receipts),
        *((row["workspace_id"], LogKind.AUDIT) for row in audits),
    ]


def list_logged_workspaces() -> list[UUID]:
    return list(Log.objects.values_list("workspace_id", flat=True).distinct().order_by("workspace_id"))


def verdicts(workspace_id: UUID, kind: LogKind = LogKind.RECEIPTS) -> Verdicts:
    """Whether a log is intact, and whether it is complete: two answers, neither implies the other."""
    return examination.verdicts(workspace_id, kind)


def settlement_verdict(receipt: Receipt) -> Verdict:
    """Whether the receipt's run was settled once, as the receipt says. Two queries."""
    return completeness.examine_one(receipt)
