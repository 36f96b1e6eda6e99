"""Puts conversations from elsewhere beside one's own. Ids are made from theirs: the same one again adds nothing."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone

from assistants.library.importing.types import Node, Talk
from assistants.models import Assistant, Conversation, Message

MAX_TEXT = 100_000
MAX_NODES = 20_000
TITLE_LENGTH = 120
CUT = "\n\n… (the rest of this message was longer than a message can be)"
UNTITLED = "Imported conversation"


@dataclass(frozen=True)
class Written:
    added: int
    known: int
    messages: int


def write(owner_id: UUID, assistant: Assistant, talks: list[Talk]) -> Written:
    """In one transaction. Those that are here already, also among the deleted ones, stay as they are."""
    wanted = {_id(owner_id, talk): talk for talk in talks}
    with transaction.atomic():
        there = set(Conversation.objects.filter(id__in=wanted).values_list("id", flat=True))
        new = {key: talk for key, talk in wanted.items() if key not in there}
        now = timezone.now()
        made = [_conversation(key, owner_id, assistant, talk, now) for key, talk in new.items()]
        messages = [row for key, talk in new.items() for row in _messages(key, talk, now)]
        times = [row.created_at for row in made]
        Conversation.objects.bulk_create(made)
        Message.objects.bulk_create(messages, batch_size=500)
        # Set to this moment when a row is made.
        for row, moment in zip(made, times, strict=True):
            row.created_at = moment
        Conversation.objects.bulk_update(made, ["created_at"])
    return Written(len(new), len(talks) - len(new), len(messages))


def merged(talk: Talk) -> Talk:
    """An answer that goes on in a second message without a question between is one answer."""
    children: dict[str | None, int] = {}
    for node in talk.nodes:
        children[node.parent] = children.get(node.parent, 0) + 1
    by_key: dict[str, Node] = {}
    became: dict[str, str] = {}
    for node in talk.nodes:
        node.parent = became.get(node.parent or "", node.parent)
        above = by_key.get(node.parent or "")
        is_same = above is not None and above.role == node.role == "assistant"
        if above is not None and is_same and children.get(node.parent) == 1:
            above.text = f"{above.text}\n\n{node.text}"
            became[node.key] = above.key
            children[above.key] = children.get(node.key, 0)
        else:
            by_key[node.key] = node
    leaf = became.get(talk.leaf or "", talk.leaf)
    return Talk(
        talk.source, talk.key, talk.title, talk.created_at, talk.updated_at, list(by_key.values()), leaf
    )


def _id(owner_id: UUID, talk: Talk) -> UUID:
    return uuid5(owner_id, f"import:{talk.source}:{talk.key or _content_key(talk)}")


def _content_key(talk: Talk) -> str:
    parts = [talk.title, str(talk.created_at), *(node.text for node in talk.nodes)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _conversation(key: UUID, owner_id: UUID, assistant: Assistant, talk: Talk, now: datetime) -> Conversation:
    moments = [node.at for node in talk.nodes if node.at]
    updated = talk.updated_at or max(moments, default=None) or now
    leaf = _last_answer(talk)
    return Conversation(
        id=key,
        owner_id=owner_id,
        assistant=assistant,
        title=_title(talk),
        has_given_title=True,
        imported_from=talk.source,
        current_leaf_id=uuid5(key, leaf) if leaf else None,
        created_at=min(talk.created_at or updated, updated),
        updated_at=updated,
        # Nothing is remembered of what was said elsewhere.
        remembered_at=now,
    )


def _last_answer(talk: Talk) -> str | None:
    """Where the next question goes: the end of the shown branch, or the last answer above it."""
    by_key = {node.key: node for node in talk.nodes}
    current = talk.leaf if talk.leaf in by_key else (talk.nodes[-1].key if talk.nodes else None)
    while current is not None and by_key[current].role != "assistant":
        current = by_key[current].parent
    return current


def _title(talk: Talk) -> str:
    first = next((node.text for node in talk.nodes if node.role == "user"), "")
    return " ".join((talk.title or first or UNTITLED).split())[:TITLE_LENGTH]


def _messages(conversation_id: UUID, talk: Talk, now: datetime) -> list[Message]:
    base = talk.created_at or min((node.at for node in talk.nodes if node.at), default=now)
    return [
        Message(
            id=uuid5(conversation_id, node.key),
            conversation_id=conversation_id,
            parent_id=uuid5(conversation_id, node.parent) if node.parent else None,
            role=node.role,
            text=node.text if len(node.text) <= MAX_TEXT else node.text[: MAX_TEXT - len(CUT)] + CUT,
            created_at=node.at or base + timedelta(microseconds=number),
        )
        for number, node in enumerate(talk.nodes)
    ]
