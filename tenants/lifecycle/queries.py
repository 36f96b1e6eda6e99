"""Reads of how workspaces end."""

from datetime import datetime
from uuid import UUID

from tenants.lifecycle.models import Erasure
from tenants.models import Workspace


def list_due(*, now: datetime) -> list[UUID]:
    """Workspaces whose time is over, and those whose erasing was begun and is not finished."""
    due = Workspace.objects.filter(state=Workspace.State.DELETING, delete_at__lte=now)
    begun = Erasure.objects.filter(finished_at=None).order_by("begun_at")
    ids = [
        *begun.values_list("workspace_id", flat=True),
        *due.order_by("delete_at").values_list("id", flat=True),
    ]
    return list(dict.fromkeys(ids))


def list_deleting() -> list[UUID]:
    rows = Workspace.objects.filter(state=Workspace.State.DELETING)
    return list(rows.order_by("delete_at").values_list("id", flat=True))


def find_erasure(workspace_id: UUID) -> Erasure | None:
    return Erasure.objects.filter(workspace_id=workspace_id).first()
