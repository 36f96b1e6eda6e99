"""As much of the branch as fits, newest first."""

from typing import Any
from uuid import UUID

from django.db import connection

from assistants.llm import tokens
from assistants.models import Message

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
SELECT role, text FROM branch ORDER BY depth
"""


def of_branch(answer: Message | None) -> list[dict[str, Any]]:
    """Chat messages up to the question that `answer` stands under. One query."""
    return of_branch_and_cut(answer)[0]


def of_branch_and_cut(answer: Message | None) -> tuple[list[dict[str, Any]], int]:
    """As `of_branch`, and how many earlier messages (of the last MAX_DEPTH) did not fit. One query."""
    if answer is None or answer.parent_id is None:
        return [], 0
    newest_first = [row for row in _branch(answer.parent_id) if row[1]]
    told = fitting(newest_first)
    return told, len(newest_first) - len(told)


def of_branch_until(message: Message, *, room: int) -> list[dict[str, Any]]:
    """As `of_branch`, up to and with `message`, as much as fits into `room` tokens."""
    return fitting(_branch(message.id), room=room)


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


def _branch(message_id: UUID) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(BRANCH, [message_id, MAX_DEPTH])
        return list(cursor.fetchall())
