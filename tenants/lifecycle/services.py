"""The states of a workspace: each change is one transaction with one audit entry (docs/workspaces.md has the table)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from config import errors, ports
from tenants import audit, links
from tenants.lifecycle import erasing, queries
from tenants.models import Workspace
from tenants.scope import STOP_REASONS, WorkspaceNotFound, get_ref

State = Workspace.State
GRACE = timedelta(days=14)


class StateConflict(errors.Conflict):
    code = "workspace_state"
    message = "This workspace is in another state by now. Reload the page to see which."


class NameMismatch(errors.DomainError):
    code = "name_mismatch"
    status = 422
    message = "That is not the name of this workspace. Type it exactly as it is written here."


class DeletionBegun(errors.Conflict):
    code = "deletion_begun"
    message = "The days in which this could be undone are over."


def suspend(*, workspace_id: UUID, reason: str, actor: audit.Actor) -> None:
    """Nobody enters until it is resumed; what runs is stopped. For staff. Raises WorkspaceNotFound, StateConflict."""
    with transaction.atomic():
        workspace = _locked(workspace_id, only_from={State.ACTIVE, State.ARCHIVED})
        _move(workspace, State.SUSPENDED, actor, "workspace.suspended", reason=reason)


def resume(*, workspace_id: UUID, reason: str, actor: audit.Actor) -> None:
    """It is again what it was before it was suspended. For staff. Raises WorkspaceNotFound, StateConflict."""
    with transaction.atomic():
        workspace = _locked(workspace_id, only_from={State.SUSPENDED})
        _move(workspace, State(workspace.resumes_as), actor, "workspace.resumed", reason=reason)


def archive(*, workspace_id: UUID, actor: audit.Actor) -> None:
    """From now on it can only be read; what runs is stopped. Raises WorkspaceNotFound, StateConflict."""
    with transaction.atomic():
        workspace = _locked(workspace_id, only_from={State.ACTIVE})
        _move(workspace, State.ARCHIVED, actor, "workspace.archived")


def unarchive(*, workspace_id: UUID, actor: audit.Actor) -> None:
    """Raises WorkspaceNotFound, StateConflict."""
    with transaction.atomic():
        workspace = _locked(workspace_id, only_from={State.ARCHIVED})
        _move(workspace, State.ACTIVE, actor, "workspace.unarchived")


def schedule_deletion(*, workspace_id: UUID, typed_name: str, actor: audit.Actor, now: datetime) -> datetime:
    """Closes the workspace at once and erases it after GRACE, unless an owner undoes it. Returns when.

    Its owners are told by mail, and its plan is not renewed meanwhile. Raises NameMismatch, StateConflict.
    """
    with transaction.atomic():
        workspace = _locked(workspace_id, only_from={State.ACTIVE, State.ARCHIVED})
        if " ".join(typed_name.split()) != " ".join(workspace.name.split()):
            raise NameMismatch()
        workspace.delete_at = now + GRACE
        _move(workspace, State.DELETING, actor, "workspace.deletion_scheduled", delete_at=workspace.delete_at)
        _tell_owners("workspace_deletion_scheduled", workspace, workspace.delete_at)
        transaction.on_commit(partial(ports.workspace_closing, workspace_id=workspace_id), robust=True)
    return workspace.delete_at


def undo_deletion(*, workspace_id: UUID, actor: audit.Actor, now: datetime) -> None:
    """It is again what it was before. Raises DeletionBegun when the time is over, StateConflict."""
    with transaction.atomic():
        workspace = _locked(workspace_id, only_from={State.DELETING})
        is_over = workspace.delete_at is None or workspace.delete_at <= now
        if is_over or queries.find_erasure(workspace_id) is not None:
            raise DeletionBegun()
        was, workspace.delete_at = workspace.delete_at, None
        _move(workspace, State(workspace.resumes_as), actor, "workspace.deletion_undone")
        _tell_owners("workspace_deletion_undone", workspace, was or now)


def erase_due(*, now: datetime) -> list[UUID]:
    """Wakes one task for each workspace whose time is over or whose erasing was interrupted. Returns which."""
    from tenants.tasks import erase_workspace  # noqa: PLC0415  tasks call services

    due = queries.list_due(now=now)
    for workspace_id in due:
        erase_workspace.delay(workspace_id=str(workspace_id))
    return due


def erase(workspace_id: UUID, *, now: datetime) -> bool:
    """Erases a workspace whose time is over, from wherever an earlier try got to. True when nothing is left to do.

    Must be called outside every workspace and every transaction: each step commits by itself.
    """
    return erasing.run(workspace_id, now=now)


def end_plans() -> None:
    """For workspaces that wait for their deletion: what the payment service did not hear when it was scheduled."""
    for workspace_id in queries.list_deleting():
        ports.workspace_closing(workspace_id=workspace_id)


def _locked(workspace_id: UUID, *, only_from: Collection[State]) -> Workspace:
    workspace = Workspace.objects.select_for_update().filter(id=workspace_id).first()
    if workspace is None:
        raise WorkspaceNotFound()
    if workspace.state not in only_from:
        raise StateConflict(data={"state": workspace.state})
    return workspace


def _move(workspace: Workspace, state: State, actor: audit.Actor, action: str, **data: Any) -> None:
    """Saves state, what it resumes as, and `delete_at`. Inside the transaction that locked the row."""
    was = State(workspace.state)
    if state in (State.SUSPENDED, State.DELETING):
        workspace.resumes_as = was
    workspace.state = state
    workspace.save(update_fields=["state", "resumes_as", "delete_at"])
    audit.record(
        action,
        actor=actor,
        workspace_id=workspace.id,
        target=("workspace", workspace.id),
        before={"state": was.value},
        after={"state": state.value},
        **data,
    )
    if state in STOP_REASONS:
        stop = partial(ports.workspace_suspended, workspace_id=workspace.id, reason=STOP_REASONS[state])
        transaction.on_commit(stop)


def _tell_owners(kind: str, workspace: Workspace, delete_at: datetime) -> None:
    day = delete_at.astimezone(ZoneInfo(workspace.timezone))
    context = {
        "workspace": workspace.name,
        "delete_at": f"{day.day} {day:%B %Y, %H:%M} ({workspace.timezone})",
        "days": GRACE.days,
        "url": links.absolute_workspace_url(get_ref(id=workspace.id), "settings-ending"),
    }
    to = ports.owner_addresses(workspace_id=workspace.id)
    if to:
        key = f"{kind}:{workspace.id}:{delete_at:%Y%m%dT%H%M%S}"
        ports.mail_owed(key=key, kind=kind, to=to, context=context, workspace_id=workspace.id)
