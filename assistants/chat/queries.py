"""Reads of conversations. `access_*` is the only way a view obtains one object: it checks whose it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.permissions import Member
from assistants.chat.tree import Node
from assistants.models import Attachment, Conversation, Feedback, FollowUp, Message, Run
from assistants.projects import queries as projects
from config import errors

LIVE = [Run.State.QUEUED, Run.State.RUNNING]
SIDEBAR_LENGTH = 30
PINNED_LENGTH = 10


def visible_to(member: Member) -> QuerySet[Conversation]:
    """Their own, and those of projects that they are in. What was deleted is hidden from everybody."""
    # SECURITY: conversations belong to the person who started them, also within a workspace; a project shares its own.
    mine = Q(owner_id=member.user_id) | Q(project_id__in=projects.visible_project_ids(member))
    return Conversation.objects.filter(mine, deleted_at=None)


def list_conversations(member: Member) -> QuerySet[Conversation]:
    return visible_to(member).order_by("-updated_at", "-id")


@dataclass(frozen=True)
class RecentConversation:
    id: UUID
    title: str
    updated_at: datetime
    is_running: bool
    is_pinned: bool


def list_recent(member: Member, *, limit: int = SIDEBAR_LENGTH) -> list[RecentConversation]:
    """Of those that they started: pinned ones first, then by time. One query, by two indexes."""
    mine = Conversation.objects.filter(owner_id=member.user_id, deleted_at=None, archived_at=None)
    pinned = mine.filter(pinned_at__isnull=False).order_by("-pinned_at", "-id").values("id")
    others = mine.filter(pinned_at=None).order_by("-updated_at", "-id").values("id")
    running = Run.objects.filter(message__conversation_id=OuterRef("id"), state__in=LIVE)
    rows = Conversation.objects.filter(Q(id__in=pinned[:PINNED_LENGTH]) | Q(id__in=others[:limit]))
    told = rows.annotate(is_running=Exists(running)).order_by(
        F("pinned_at").desc(nulls_last=True), "-updated_at", "-id"
    )
    return [
        RecentConversation(row[0], row[1], row[2], row[3], is_pinned=row[4] is not None)
        for row in told.values_list("id", "title", "updated_at", "is_running", "pinned_at")
    ]


def access_conversation(member: Member, conversation_id: UUID) -> Conversation:
    """Raises NotFound."""
    row = visible_to(member).filter(id=conversation_id).select_related("assistant").first()
    if row is None:
        raise errors.NotFound()
    return row


def access_message(member: Member, conversation_id: UUID, message_id: UUID) -> Message:
    """Raises NotFound."""
    row = (
        Message.objects.filter(
            id=message_id, conversation_id=conversation_id, conversation__in=visible_to(member)
        )
        .select_related("conversation__assistant")
        .first()
    )
    if row is None:
        raise errors.NotFound()
    return row


def access_run(member: Member, run_id: UUID) -> Run:
    """Raises NotFound."""
    row = Run.objects.filter(_seen_runs(member), id=run_id).first()
    if row is None:
        raise errors.NotFound()
    return row


def _seen_runs(member: Member) -> Q:
    return Q(message=None, owner_id=member.user_id) | Q(message__conversation__in=visible_to(member))


def list_runs(
    member: Member,
    *,
    state: str = "",
    kind: str = "",
    conversation: UUID | None = None,
    assistant: UUID | None = None,
) -> QuerySet[Run]:
    """Those that the member started and still sees, in no order, without what was asked and said."""
    said = {
        "state": state,
        "kind": kind,
        "message__conversation_id": conversation,
        "assistant_id": assistant,
    }
    rows = Run.objects.filter(_seen_runs(member), owner_id=member.user_id)
    rows = rows.filter(**{name: value for name, value in said.items() if value})
    return rows.defer("text", "request", "sent", "context", "tool_calls")


def access_follow_up(member: Member, follow_up_id: UUID) -> FollowUp:
    """Their own, in a conversation that they see. Raises NotFound."""
    row = (
        FollowUp.objects.filter(id=follow_up_id, owner_id=member.user_id, conversation__in=visible_to(member))
        .select_related("conversation__assistant")
        .first()
    )
    if row is None:
        raise errors.NotFound()
    return row


def follow_ups_of(member: Member, conversation: Conversation) -> list[FollowUp]:
    """The member's own, the oldest first. One query."""
    return list(list_follow_ups(member, conversation).order_by("created_at", "id"))


def list_follow_ups(member: Member, conversation: Conversation) -> QuerySet[FollowUp]:
    # SECURITY: nobody reads what another has not asked yet.
    return FollowUp.objects.filter(conversation=conversation, owner_id=member.user_id)


class Spot(NamedTuple):
    """A message as a place to write under. `is_live`: it is being answered, or written."""

    id: UUID
    role: str
    is_answered: bool
    is_live: bool


def spot_of(conversation: Conversation, message_id: UUID | None) -> Spot | None:
    """None when the conversation has no such message. One query."""
    if message_id is None:
        return None
    replies = Message.objects.filter(parent_id=OuterRef("id"))
    live = Run.objects.filter(message_id=OuterRef("id"), state__in=LIVE)
    rows = conversation.messages.filter(id=message_id)
    rows = rows.annotate(is_answered=Exists(replies), is_live=Exists(live))
    found = rows.values_list("id", "role", "is_answered", "is_live").first()
    return Spot(*found) if found else None


def list_nodes(conversation: Conversation) -> list[Node]:
    """Every message of the conversation in order of time, without its text: the shape of the tree. One query."""
    rows = conversation.messages.order_by("created_at", "id")
    return [Node(*row) for row in rows.values_list("id", "parent_id", "role")]


BRANCH = """
WITH RECURSIVE branch(id, parent_id, role, text, created_at, depth) AS (
    SELECT id, parent_id, role, text, created_at, 1 FROM assistants_message WHERE id = %s
    UNION ALL
    SELECT m.id, m.parent_id, m.role, m.text, m.created_at, b.depth + 1
    FROM assistants_message m JOIN branch b ON m.id = b.parent_id
)
SELECT id, role, text, created_at FROM branch ORDER BY depth DESC
"""


def branch_up_to(message: Message) -> list[tuple[UUID, str, str, datetime]]:
    """Id, role, text and time of every message from the first to this one. One query."""
    with connection.cursor() as cursor:
        cursor.execute(BRANCH, [message.id])
        return list(cursor.fetchall())


def feedback_of(member: Member, message_ids: list[UUID]) -> dict[UUID, Feedback]:
    """The member's own thumbs. One query."""
    rows = Feedback.objects.filter(message_id__in=message_ids, person_id=member.user_id)
    return {row.message_id: row for row in rows}


def latest_runs(message_ids: list[UUID]) -> dict[UUID, Run]:
    """The newest run of each answer, without what only its receipt needs. One query."""
    rows = (
        Run.objects.filter(message_id__in=message_ids)
        .defer("sent", "salt")
        .order_by("message_id", "-created_at")
        .distinct("message_id")
        .select_related("assistant")
    )
    return {run.message_id: run for run in rows if run.message_id}


class Written(NamedTuple):
    text: str
    created_at: datetime


def written_in(message_ids: list[UUID]) -> dict[UUID, Written]:
    """What they say, and since when. One query."""
    rows = Message.objects.filter(id__in=message_ids).values_list("id", "text", "created_at")
    return {message_id: Written(text, created_at) for message_id, text, created_at in rows}


def texts_of(message_ids: list[UUID]) -> dict[UUID, str]:
    return dict(Message.objects.filter(id__in=message_ids).values_list("id", "text"))


def file_names_of(message_ids: list[UUID]) -> dict[UUID, list[str]]:
    """Of what was given with questions, as it was given. One query."""
    rows = Attachment.objects.filter(message_id__in=message_ids).order_by("created_at", "id")
    found: dict[UUID, list[str]] = {}
    for message_id, name in rows.values_list("message_id", "name"):
        if message_id is not None:
            found.setdefault(message_id, []).append(name)
    return found


def get_conversation_id(run: Run) -> UUID | None:
    if run.message_id is None:
        return None
    return Message.objects.filter(id=run.message_id).values_list("conversation_id", flat=True).first()


def run_ids_of(conversation: Conversation) -> QuerySet[Run, UUID]:
    """Every run of the conversation, on all its branches."""
    return Run.objects.filter(message__conversation_id=conversation.id).values_list("id", flat=True)
