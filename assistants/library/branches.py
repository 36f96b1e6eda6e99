"""A branch of a conversation as plain values: what is shared and exported of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from assistants.chat import queries as chat
from assistants.chat.tree import Node, Tree
from assistants.models import Conversation, Message


@dataclass(frozen=True)
class Said:
    """`role`: user or assistant. `author`: how the page names who said it. `files`: names of what was given with it."""

    id: UUID
    role: str
    author: str
    text: str
    created_at: datetime
    files: tuple[str, ...] = ()

    def as_snapshot(self) -> dict[str, Any]:
        """Without ids: who reads a copy learns nothing of where it came from."""
        return {
            "role": self.role,
            "author": self.author,
            "text": self.text,
            "created_at": self.created_at.isoformat(),
            "files": list(self.files),
        }


ASKER = "Question"


def shown(conversation: Conversation, leaf_id: UUID | None = None) -> list[Said]:
    """The branch that was looked at last, or the one that ends at `leaf_id`; what has no text is left out. Three
    queries."""
    places = Tree(chat.list_nodes(conversation)).branch(leaf_id or conversation.current_leaf_id)
    ids = [place.message.id for place in places]
    written, files = chat.written_in(ids), chat.file_names_of(ids)
    name = conversation.assistant.name
    return [
        _said(place.message, written[place.message.id], name, files.get(place.message.id, ()))
        for place in places
        if place.message.id in written and written[place.message.id].text
    ]


def _said(message: Node, written: chat.Written, assistant: str, files: Sequence[str]) -> Said:
    author = ASKER if message.role == Message.Role.USER else assistant
    return Said(message.id, message.role, author, written.text, written.created_at, tuple(files))
