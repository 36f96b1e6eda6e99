"""How conversations are kept: names, pins, tags, archive, the bin and its end."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.permissions import Member
from assistants.library import queries
from assistants.models import Assistant, Conversation, Project, Run
from assistants.retention import erasing
from config import errors
from tenants import audit
from tenants.models import Workspace
from tenants.scope import workspace_scope

TITLE_LENGTH = 120
MAX_TAGS = 10
TAG_LENGTH = 40
UNDO_DAYS = 30
BATCH = 200
KEPT_IN = (Workspace.State.ACTIVE, Workspace.State.SUSPENDED, Workspace.State.ARCHIVED)


class TitleEmpty(errors.DomainError):
    code = "title_empty"
    status = 422
    message = "Give it a name."


class TitleTooLong(errors.DomainError):
    code = "title_too_long"
    status = 422
    message = f"A name can have {TITLE_LENGTH} characters at most."


class TooManyTags(errors.DomainError):
    code = "too_many_tags"
    status = 422
    message = f"A conversation can have {MAX_TAGS} tags at most."


class TagTooLong(errors.DomainError):
    code = "tag_too_long"
    status = 422
    message = f"A tag can have {TAG_LENGTH} characters at most."


class StillRunning(errors.DomainError):
    code = "answer_running"
    status = 409
    message = "An answer is still being written in it. Stop it first."


def rename(*, conversation: Conversation, title: str) -> None:
    """Given by a person, so that no model writes over it. Raises TitleEmpty, TitleTooLong."""
    title = " ".join(title.replace("\x00", "").split())
    if not title:
        raise TitleEmpty()
    if len(title) > TITLE_LENGTH:
        raise TitleTooLong()
    Conversation.objects.filter(id=conversation.id).update(title=title, has_given_title=True)


def set_pinned(*, conversation: Conversation, is_pinned: bool) -> None:
    moment = (conversation.pinned_at or timezone.now()) if is_pinned else None
    Conversation.objects.filter(id=conversation.id).update(pinned_at=moment)


def set_archived(*, conversation: Conversation, is_archived: bool) -> None:
    """What is archived is found by searching, and in no list but its own. It loses its pin."""
    moment = (conversation.archived_at or timezone.now()) if is_archived else None
    changes = {"archived_at": moment, "pinned_at": None} if is_archived else {"archived_at": moment}
    Conversation.objects.filter(id=conversation.id).update(**changes)


def set_tags(*, conversation: Conversation, text: str) -> list[str]:
    """`text`: tags with commas between them; the case is the reader's. Raises TooManyTags, TagTooLong."""
    tags = list(dict.fromkeys(" ".join(part.lower().split()) for part in text.replace("\x00", "").split(",")))
    tags = [tag for tag in tags if tag]
    if len(tags) > MAX_TAGS:
        raise TooManyTags()
    if any(len(tag) > TAG_LENGTH for tag in tags):
        raise TagTooLong()
    Conversation.objects.filter(id=conversation.id).update(tags=tags)
    return tags


def set_assistant(*, conversation: Conversation, assistant: Assistant) -> None:
    """Who answers from now on. The caller has looked it up by `access_assistant`."""
    Conversation.objects.filter(id=conversation.id).update(assistant=assistant)


def change(*, member: Member, conversation: Conversation, changes: Mapping[str, Any]) -> None:
    """Several at once, all or none: title, is_pinned, is_archived, tags (a list), project, assistant. The caller has
    looked up what it names by `access_*`. Raises as each of them does."""
    with transaction.atomic():
        if "title" in changes:
            rename(conversation=conversation, title=changes["title"])
        if "tags" in changes:
            set_tags(conversation=conversation, text=",".join(changes["tags"]))
        if "assistant" in changes:
            set_assistant(conversation=conversation, assistant=changes["assistant"])
        if "is_archived" in changes:
            set_archived(conversation=conversation, is_archived=changes["is_archived"])
        if "is_pinned" in changes:
            set_pinned(conversation=conversation, is_pinned=changes["is_pinned"])
        if "project" in changes:
            move(member=member, conversation=conversation, project=changes["project"])


def move(*, member: Member, conversation: Conversation, project: Project | None) -> None:
    """Into a project (its members then see and may continue it) or out of one. The caller has looked both up by
    `access_*`. Only who started it may: what others see of it changes."""
    if conversation.project_id == (project.id if project else None):
        return
    with transaction.atomic():
        Conversation.objects.filter(id=conversation.id).update(project=project)
        audit.record(
            "conversation.moved",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("conversation", conversation.id),
            before={"project": conversation.project_id},
            after={"project": project.id if project else None},
        )


def delete(*, member: Member, conversation: Conversation) -> None:
    """Hidden at once, with what was shared of it; erased UNDO_DAYS later. Raises StillRunning."""
    with transaction.atomic():
        row = Conversation.objects.select_for_update().filter(id=conversation.id, deleted_at=None).first()
        if row is None:
            return
        refuse_running(row)
        Conversation.objects.filter(id=row.id).update(deleted_at=timezone.now(), pinned_at=None)
        _record("conversation.deleted", member, row.id)


def undo(*, member: Member, conversation: Conversation) -> None:
    """Takes a deleted one back, with its links: those that were not revoked show it again."""
    with transaction.atomic():
        count = Conversation.objects.filter(id=conversation.id, deleted_at__isnull=False).update(
            deleted_at=None
        )
        if count:
            _record("conversation.restored", member, conversation.id)


def erase(*, member: Member, conversation: Conversation) -> None:
    """A deleted one, without waiting. Nobody can take that back. Raises StillRunning."""
    with transaction.atomic():
        row = Conversation.objects.select_for_update().filter(id=conversation.id).first()
        if row is None:
            return
        refuse_running(row)
        erasing.erase_conversations(member.workspace_id, [row.id])
        _record("conversation.erased", member, row.id)


def purge(workspace_id: UUID, *, now: datetime) -> int:
    """Erases what was deleted UNDO_DAYS ago. Outside every workspace; each batch commits by itself, with its entry."""
    before, erased = now - timedelta(days=UNDO_DAYS), 0
    with workspace_scope(workspace_id, allow_suspended=True):
        while True:
            with transaction.atomic():
                ids = _lock_due(before)
                if not ids:
                    return erased
                erasing.erase_conversations(workspace_id, ids)
                audit.record(
                    "conversation.purged",
                    actor=audit.SYSTEM,
                    workspace_id=workspace_id,
                    target=("workspace", workspace_id),
                    conversations=len(ids),
                )
            erased += len(ids)


def _lock_due(before: datetime) -> list[UUID]:
    """Who takes one back at this moment keeps it: its row is locked by then, and skipped here."""
    rows = queries.list_due(before).select_for_update(skip_locked=True).order_by("deleted_at", "id")
    return list(rows.values_list("id", flat=True)[:BATCH])


def list_workspaces() -> list[UUID]:
    """Those whose bins are emptied. One that is going to be deleted goes as a whole."""
    rows = Workspace.objects.filter(state__in=KEPT_IN).order_by("created_at")
    return list(rows.values_list("id", flat=True))


def refuse_running(conversation: Conversation) -> None:
    """Under the conversation's lock. Raises StillRunning."""
    rows = Run.objects.filter(message__conversation=conversation, state__in=["queued", "running"])
    if rows.exists():
        raise StillRunning()


def _record(action: str, member: Member, conversation_id: UUID) -> None:
    audit.record(
        action,
        actor=member.actor,
        workspace_id=member.workspace_id,
        target=("conversation", conversation_id),
    )
