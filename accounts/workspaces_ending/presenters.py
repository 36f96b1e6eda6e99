"""A workspace's end as the pages show it."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from tenants.lifecycle import erasing, inventory, queries
from tenants.lifecycle.inventory import Fate
from tenants.lifecycle.services import GRACE
from tenants.models import Workspace
from tenants.scope import WorkspaceRef

HEADINGS = {
    Fate.ERASED: "Erased for good",
    Fate.ENDED: "Ends",
    Fate.KEPT: "Stays, without a name",
}


def overview(workspace: WorkspaceRef) -> dict[str, Any]:
    now = timezone.now()
    is_deleting = workspace.state == Workspace.State.DELETING
    return {
        "is_archived": workspace.state == Workspace.State.ARCHIVED,
        "is_deleting": is_deleting,
        "can_undo": workspace.delete_at is not None and workspace.delete_at > now,
        "delete_at": local(workspace.delete_at, workspace),
        "days": GRACE.days,
        "days_left": -((now - workspace.delete_at) // timedelta(days=1)) if workspace.delete_at else None,
        "progress": _progress(workspace) if is_deleting else None,
    }


def consequences(workspace: WorkspaceRef) -> list[dict[str, Any]]:
    """Everything that deleting does, in numbers: a list for each fate."""
    lines = inventory.of_workspace(workspace.id)
    groups = [(fate, [line for line in lines if line.fate == fate]) for fate in Fate]
    return [{"heading": HEADINGS[fate], "lines": found} for fate, found in groups if found]


def deletion_day(workspace: WorkspaceRef) -> datetime:
    """When it would be erased if it were scheduled now, in the workspace's zone."""
    return (timezone.now() + GRACE).astimezone(ZoneInfo(workspace.timezone))


def local(moment: datetime | None, workspace: WorkspaceRef) -> datetime | None:
    return moment.astimezone(ZoneInfo(workspace.timezone)) if moment else None


def _progress(workspace: WorkspaceRef) -> dict[str, Any] | None:
    erasure = queries.find_erasure(workspace.id)
    if erasure is None:
        return None
    steps = [{"title": step.title, "is_done": step.name in erasure.done} for step in erasing.STEPS]
    done = sum(1 for step in steps if step["is_done"])
    return {"steps": steps, "done": done, "of": len(steps), "text": f"{done} of {len(steps)}"}
