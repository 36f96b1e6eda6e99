"""Erases conversations that are older than their workspace keeps them: texts, runs and salts.

A receipt stays and still verifies; without text and salt nobody can tell any more what it was about (docs/receipts.md).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from assistants.models import Run
from assistants.retention import erasing, queries
from assistants.retention.queries import Due
from tenants import audit
from tenants.models import Workspace
from tenants.scope import workspace_scope

BATCH = 200
KEPT_IN = (Workspace.State.ACTIVE, Workspace.State.SUSPENDED, Workspace.State.ARCHIVED)
Write = Callable[[str], object]


def list_workspaces() -> list[UUID]:
    """Those that keep conversations for so many days only. One that is going to be deleted is left as it is: it goes as
    a whole, and who undoes that finds all of it."""
    rows = Workspace.objects.filter(retention_days__isnull=False, state__in=KEPT_IN)
    return list(rows.order_by("created_at").values_list("id", flat=True))


def apply(workspace_id: UUID, *, now: datetime, dry_run: bool = False, write: Write = lambda _: None) -> Due:
    """Returns what was (or would be) erased. Outside every workspace; each batch commits by itself.

    What still runs, or was used since, is left. The audit entry stands with the first batch, so that nothing is erased
    without one. Nothing happens where everything is kept, and in a workspace that is going to be deleted.
    """
    days = _days(workspace_id)
    if days is None:
        return Due(0, 0)
    before = now - timedelta(days=days)
    with workspace_scope(workspace_id, allow_suspended=True):
        due = queries.count_due(before)
        if dry_run or not due.total:
            return due
        conversations = _repeat(workspace_id, before, due, write)
        calls = _erase_calls(workspace_id, before)
    return Due(conversations, calls)


def _days(workspace_id: UUID) -> int | None:
    rows = Workspace.objects.filter(id=workspace_id, state__in=KEPT_IN)
    return rows.values_list("retention_days", flat=True).first()


def _repeat(workspace_id: UUID, before: datetime, due: Due, write: Write) -> int:
    erased = 0
    is_first = True
    while True:
        with transaction.atomic():
            if is_first:
                _record(workspace_id, before, due)
            count = _erase_batch(workspace_id, before)
        erased, is_first = erased + count, False
        if count:
            write(f"{erased} of {due.conversations} conversations erased")
        if count < BATCH:
            return erased


def _record(workspace_id: UUID, before: datetime, due: Due) -> None:
    audit.record(
        "retention.applied",
        actor=audit.SYSTEM,
        workspace_id=workspace_id,
        target=("workspace", workspace_id),
        before_moment=before,
        conversations=due.conversations,
        calls=due.calls,
    )


def _erase_batch(workspace_id: UUID, before: datetime) -> int:
    """Who writes into one of them at this moment keeps it: its row is locked by then, and skipped here."""
    rows = queries.old_conversations(before).select_for_update(skip_locked=True).order_by("updated_at", "id")
    ids = list(rows.values_list("id", flat=True)[:BATCH])
    erasing.erase_conversations(workspace_id, ids)
    return len(ids)


def _erase_calls(workspace_id: UUID, before: datetime) -> int:
    erased = 0
    while True:
        with transaction.atomic():
            rows = queries.old_calls(before).select_for_update(skip_locked=True).order_by("finished_at", "id")
            ids = list(rows.values_list("id", flat=True)[:BATCH])
            Run.objects.filter(id__in=ids).delete()
        erasing.forget_streams(workspace_id, ids)
        erased += len(ids)
        if len(ids) < BATCH:
            return erased
