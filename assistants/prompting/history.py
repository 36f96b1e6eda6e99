"""As much of the branch as fits, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from assistants.llm import tokens
from assistants.models import Message
from assistants.prompting import given
from assistants.prompting.given import Given

HISTORY_TOKENS = 12_000
MAX_DEPTH = 400

# The branch from a message up to the root. Walked in the database: one query whatever its length.
BRANCH = """
WITH RECURSIVE branch(id, parent_id, role, text, depth) AS (
    SELECT id, parent_id, role, text, 1 FROM assistants_message WHERE id = %s
    UNION ALL
    SELECT m.id, m.parent_id, m.role, m.text, b.depth + 1
    FROM assistants_message m JOIN branch b ON m.id = b.parent_id WHERE b.depth < %s
)
SELECT id, role, text, EXISTS (SELECT 1 FROM assistants_attachment a WHERE a.message_id = branch.id)
FROM branch ORDER BY depth
"""


class Said(NamedTuple):
    id: UUID
    role: str
    text: str
    has_files: bool


@dataclass(frozen=True)
class Told:
    """`messages`: as text. `files`: what was given with each of them, by its place.
    `cut`: how many earlier messages (of the last MAX_DEPTH) did not fit."""

    messages: list[dict[str, Any]]
    cut: int = 0
    files: dict[int, list[Given]] = field(default_factory=dict)

    def image_tokens(self, models: Sequence[str]) -> int:
        return given.cost(self.files.values(), models)

    def with_images(self) -> list[dict[str, Any]]:
        """With the pictures that are sent. Reads their files."""
        return [
            {**message, "content": given.content(message["content"], self.files.get(place, []))}
            for place, message in enumerate(self.messages)
        ]


def of_branch(answer: Message | None) -> list[dict[str, Any]]:
    """Chat messages up to the question that `answer` stands under. One query, two with files."""
    return told(answer, [""]).messages


def told(answer: Message | None, models: Sequence[str]) -> Told:
    """What the first of `models`, or another of them in its place, is told of the branch.

    One query; with files two, three for an own model."""
    if answer is None or answer.parent_id is None:
        return Told([])
    newest_first = [row for row in _branch(answer.parent_id) if row.text]
    with_files = [row.id for row in newest_first if row.has_files]
    found = given.of_messages(with_files, models) if with_files else {}
    has_vision = bool(found) and given.sees(models[0])
    texts = [
        (row.role, given.noted(row.text, found.get(row.id, []), has_vision=has_vision))
        for row in newest_first
    ]
    messages = fitting(texts)
    kept = list(reversed(newest_first[: len(messages)]))
    files = {place: found[row.id] for place, row in enumerate(kept) if row.id in found}
    return Told(messages, len(newest_first) - len(messages), files)


def of_branch_until(message: Message, *, room: int) -> list[dict[str, Any]]:
    """As `of_branch`, up to and with `message`, as much as fits into `room` tokens, without files."""
    return fitting([(row.role, row.text) for row in _branch(message.id)], room=room)


def fitting(newest_first: list[tuple[str, str]], *, room: int | None = None) -> list[dict[str, Any]]:
    """The newest always goes in; earlier turns while they fit into `room` tokens, HISTORY_TOKENS unless said."""
    chosen: list[dict[str, Any]] = []
    room = HISTORY_TOKENS if room is None else room
    for role, text in newest_first:
        if not text:
            continue
        size = tokens.count(text) + tokens.TOKENS_PER_MESSAGE
        if chosen and size > room:
            break
        room -= size
        chosen.append({"role": role, "content": text})
    return list(reversed(chosen))


def _branch(message_id: UUID) -> list[Said]:
    with connection.cursor() as cursor:
        cursor.execute(BRANCH, [message_id, MAX_DEPTH])
        return [Said(*row) for row in cursor.fetchall()]
