"""Things of the library and of projects, made by the product's own services. Inside the member's workspace."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.permissions import Member
from assistants.library import sharing
from assistants.models import Conversation, ConversationImport, Message
from assistants.projects import services as projects
from tests import factories


def make(member: Member, mark: str, conversation: Conversation) -> dict[str, Any]:
    """A project, a link to the conversation and an import that has ended, all called by the mark."""
    project = projects.create(member=member, name=f"Project {mark}", instructions=f"Instructions {mark}")
    link, _ = sharing.share(member=member, conversation=conversation, days=None)
    now = timezone.now()
    row = ConversationImport.objects.create(
        owner_id=member.user_id, name=f"File {mark}", size_bytes=1, state="done", created_at=now, touched_at=now,
        finished_at=now,
    )  # fmt: skip
    return {"project": project.id, "link": link.id, "import_id": row.id}


def say(conversation: Conversation, *texts: str, at: datetime | None = None) -> list[Message]:
    """Questions and answers in turn, under what is there; nothing is asked of a model."""
    rows: list[Message] = []
    parent: UUID | None = conversation.current_leaf_id
    for number, text in enumerate(texts):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        row = Message.objects.create(
            conversation=conversation, parent_id=parent, role=role, text=text, created_at=at or timezone.now()
        )
        rows.append(row)
        parent = row.id
    Conversation.objects.filter(id=conversation.id).update(current_leaf_id=parent)
    conversation.current_leaf_id = parent
    return rows


def talk(member: Member, title: str = "A talk", *texts: str, **fields: Any) -> Conversation:
    """A conversation without runs."""
    values = {"updated_at": timezone.now(), "owner_id": member.user_id, **fields}
    if "assistant" not in values:
        values["assistant"] = factories.builder_queries.get_default_assistant(member)
    row = Conversation.objects.create(title=title, **values)
    say(row, *texts)
    return row
