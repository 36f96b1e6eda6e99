"""The statement of a month: written once, when the month is over in the workspace's own zone, and mailed once.

Nothing waits for it: windows reset by themselves, and limits never read it.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Sum
from django.template.loader import render_to_string
from django.utils import timezone

from tenants import links
from tenants.models import Workspace
from tenants.scope import WorkspaceNotFound, get_ref
from usage import outlets
from usage.holds import explain
from usage.ledger import BOOKED, DETAIL
from usage.limits import windows
from usage.limits.mails import owner_addresses
from usage.models import LedgerEntry, Meter, Window
from usage.statements.models import Statement

LATE = timedelta(minutes=15)
"""An entry gets its instant before its commit; a month is closed when none can still come."""
SUMMED = (*BOOKED, *DETAIL, "cost_micro")
MAIL_BATCH = 100


def write_due(*, now: datetime | None = None) -> int:
    """Writes what is missing of last month's statements; returns how many."""
    at = now or timezone.now()
    rows = Workspace.objects.values_list("id", "timezone", "created_at")
    return sum(_write_if_due(workspace_id, zone, created_at, at) for workspace_id, zone, created_at in rows)


def _write_if_due(workspace_id: UUID, zone: str, created_at: datetime, now: datetime) -> bool:
    this_month = (now - LATE).astimezone(ZoneInfo(zone)).date().replace(day=1)
    month = (this_month - timedelta(days=1)).replace(day=1)
    if created_at >= windows.first_moment(this_month, zone):
        return False
    _, created = write(workspace_id=workspace_id, zone=zone, month=month)
    return created


def write(*, workspace_id: UUID, zone: str, month: date) -> tuple[Statement, bool]:
    """The statement of a month that is over, and whether it was written now. The first one stands."""
    standing = Statement.objects.filter(workspace_id=workspace_id, month=month).first()
    if standing is not None:
        return standing, False
    following = windows.next_start(Window.MONTH, month)
    assert following is not None
    begins_at, ends_at = windows.first_moment(month, zone), windows.first_moment(following, zone)
    before = Statement.objects.filter(workspace_id=workspace_id, month__lt=month).order_by("-month").first()
    if before is not None:
        # A zone that changed meanwhile neither drops an hour nor counts it twice.
        begins_at = before.ends_at
    lines = _sum(workspace_id, begins_at, ends_at)
    return Statement.objects.get_or_create(
        workspace_id=workspace_id,
        month=month,
        defaults={
            "zone": zone,
            "begins_at": begins_at,
            "ends_at": ends_at,
            "lines": lines,
            "cost_micro": _total(lines, Meter.COST_MICRO),
            "messages": _total(lines, Meter.MESSAGES),
            "tokens": _total(lines, Meter.INPUT_TOKENS) + _total(lines, Meter.OUTPUT_TOKENS),
            "mailed_at": None if lines else timezone.now(),
        },
    )


def _sum(workspace_id: UUID, begins_at: datetime, ends_at: datetime) -> list[dict[str, Any]]:
    keys = ("provider", "model", "kind", "run_kind")
    rows = LedgerEntry.objects.filter(
        workspace_id=workspace_id,
        account=LedgerEntry.Account.WORKSPACE,
        created_at__gte=begins_at,
        created_at__lt=ends_at,
    )
    sums = {f"sum_{name}": Sum(name) for name in SUMMED}
    return [
        {**{key: row[key] for key in keys}, **{name: row[f"sum_{name}"] for name in SUMMED}}
        for row in rows.values(*keys).annotate(**sums).order_by(*keys)
    ]


def _total(lines: list[dict[str, Any]], meter: str) -> int:
    return sum(line[meter] for line in lines)


def mail_due() -> int:
    """Mails statements to the owners; each at most once. Returns how many."""
    with transaction.atomic():
        due = list(
            Statement.objects.select_for_update(skip_locked=True).filter(mailed_at__isnull=True)[:MAIL_BATCH]
        )
        Statement.objects.filter(id__in=[row.pk for row in due]).update(mailed_at=timezone.now())
    for statement in due:
        _mail(statement)
    return len(due)


def _mail(statement: Statement) -> None:
    try:
        workspace = get_ref(id=statement.workspace_id)
    except WorkspaceNotFound:
        return
    month = f"{statement.month:%B %Y}"
    context = {
        "month": month,
        "workspace": workspace,
        "cost": explain.quantity(Meter.COST_MICRO, statement.cost_micro),
        "messages": explain.quantity(Meter.MESSAGES, statement.messages),
        "tokens": explain.quantity(Meter.TOKENS, statement.tokens),
        "url": links.absolute_workspace_url(workspace, "statement", month=f"{statement.month:%Y-%m}"),
    }
    outlets.tell(
        workspace_id=workspace.id,
        event=outlets.STATEMENT_CLOSED,
        data={
            "month": f"{statement.month:%Y-%m}",
            "cost_micro": statement.cost_micro,
            "messages": statement.messages,
            "tokens": statement.tokens,
        },
    )
    send_mail(
        subject=f"{workspace.name}: usage in {month}",
        message=render_to_string("usage/mails/statement.txt", context),
        from_email=None,
        recipient_list=owner_addresses(workspace.id),
    )
