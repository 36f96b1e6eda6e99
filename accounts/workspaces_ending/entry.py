"""Who may enter a workspace that is not active, and what they may do there (docs/workspaces.md has the table)."""

from collections.abc import Callable
from typing import Any, TypeVar

from accounts import gates
from accounts.permissions import Member, works_read_only
from accounts.requests import LocatedRequest
from tenants import links
from tenants.models import Workspace
from tenants.scope import WorkspaceArchived, WorkspaceDeleting, WorkspaceRef, refusal_of

State = Workspace.State
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
DELETING_MARK = "open_while_deleting"
View = TypeVar("View", bound=Callable[..., Any])


class OnlyTheEnd(gates.GateClosed):
    """An owner of a workspace that is going to be deleted, anywhere else than where that is undone."""

    status = WorkspaceDeleting.status


def open_while_deleting(view: View) -> View:
    """Owners reach it in a workspace that is going to be deleted: undoing that, and taking data along."""
    setattr(view, DELETING_MARK, True)
    return view


def check(workspace: WorkspaceRef, member: Member) -> None:
    """Raises WorkspaceSuspended; for who is no owner WorkspaceDeleting."""
    if workspace.is_active or workspace.state == State.ARCHIVED:
        return
    if workspace.state == State.DELETING and member.owns_workspace:
        return
    raise refusal_of(workspace)


def check_view(
    request: LocatedRequest, workspace: WorkspaceRef, member: Member, view: Callable[..., Any]
) -> None:
    """Raises WorkspaceArchived for changes, and in a workspace that is going to be deleted OnlyTheEnd (for reading
    pages, which then lead there) or WorkspaceDeleting."""
    is_safe = request.method in SAFE
    if workspace.state == State.ARCHIVED and not is_safe and not works_read_only(view, request.method):
        raise WorkspaceArchived()
    if workspace.state != State.DELETING or _is_marked(view, DELETING_MARK):
        return
    if is_safe:
        door = links.workspace_url(workspace, "settings-ending")
        raise OnlyTheEnd(WorkspaceDeleting.message, code=WorkspaceDeleting.code, door=door)
    raise WorkspaceDeleting()


def _is_marked(view: Callable[..., Any], name: str) -> bool:
    """Of the view itself, or of the class behind it."""
    holder = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return bool(getattr(view, name, False) or getattr(holder, name, False))
