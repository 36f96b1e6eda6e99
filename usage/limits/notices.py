"""Warnings: a line that is crossed is said once per limit and window, exactly once under any concurrency."""

from typing import Any
from uuid import UUID

from django.db import transaction

from tenants.webhooks import emission
from usage.models import Limit, QuotaNotice


def note_crossed(workspace_id: UUID, lines: list[dict[str, Any]]) -> None:
    """In the settling transaction: writes a notice for each line just crossed; its mail goes out after the commit."""
    reached = [
        QuotaNotice(
            workspace_id=workspace_id,
            limit_id=line["limit"],
            window_start=line["start"],
            line=name,
            used=line["used_after"],
            amount=line["amount"],
        )
        for line in lines
        if _may_cross(line)
        for name in (QuotaNotice.Line.WARN, QuotaNotice.Line.BLOCK)
        if _is_crossed(line, line[name])
    ]
    if not reached:
        return
    standing = set(
        Limit.objects.filter(id__in=[row.limit_id for row in reached]).values_list("id", flat=True)
    )
    rows = [row for row in reached if row.limit_id in standing]
    QuotaNotice.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        _tell(row)
    transaction.on_commit(_enqueue)


def _tell(row: QuotaNotice) -> None:
    emission.emit(
        "limit.reached" if row.line == QuotaNotice.Line.BLOCK else "limit.warning",
        workspace_id=row.workspace_id,
        limit_id=row.limit_id,
        window_start=row.window_start.isoformat(),
        used=row.used,
        amount=row.amount,
    )


def _may_cross(line: dict[str, Any]) -> bool:
    # What one visitor of a site used up is nobody's news.
    tells = line["subject"] not in ("platform", "visitor")
    return bool(line["amount"]) and line["used_after"] > line["used_before"] and tells


def _is_crossed(line: dict[str, Any], percent: int) -> bool:
    threshold = line["amount"] * percent
    return bool(line["used_before"] * 100 < threshold <= line["used_after"] * 100)


def _enqueue() -> None:
    from usage.tasks import mail_notices  # noqa: PLC0415  tasks call services

    mail_notices.delay()
