"""Layer 2: when a branch does not fit into the prompt any more, what left it stays as a summary."""

from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from assistants.llm import tokens
from assistants.memory import secrets
from assistants.models import Conversation, ConversationSummary, MemoryItem, Message, Run
from assistants.prompting import history

WORDS = (
    "Summarise the conversation so far for somebody who has to continue it: what was asked, decided and found, names"
    " and numbers as they were said. At most 300 words. Write only the summary."
)
MOST_TOKENS = 500
# Summed up before it is needed: when this much of the window is full.
SHARE = 0.75
# What is read to sum up: as much again has left the window since the last time, at most.
WINDOWS = 3

ON_BRANCH = """
WITH RECURSIVE branch(id, parent_id, depth) AS (
    SELECT id, parent_id, 1 FROM assistants_message WHERE id = %s
    UNION ALL
    SELECT m.id, m.parent_id, b.depth + 1 FROM assistants_message m JOIN branch b ON m.id = b.parent_id
    WHERE b.depth < %s
)
SELECT s.id FROM assistants_conversationsummary s JOIN branch b ON b.id = s.until_id ORDER BY b.depth LIMIT 1
"""


def exists_for(conversation: Conversation | None) -> bool:
    """One query."""
    return conversation is not None and ConversationSummary.objects.filter(conversation=conversation).exists()


def newest_on_branch(answer: Message | None) -> ConversationSummary | None:
    """The one that says most of what led to `answer`. Two queries."""
    return None if answer is None or answer.parent_id is None else _newest(answer.parent_id)


def _newest(message_id: UUID) -> ConversationSummary | None:
    with connection.cursor() as cursor:
        cursor.execute(ON_BRANCH, [message_id, history.MAX_DEPTH])
        row = cursor.fetchone()
    return ConversationSummary.objects.get(id=row[0]) if row else None


def wanted(answer: Message) -> list[dict[str, str]] | None:
    """The messages to sum up after `answer`, or None: the window has room, or it was done since."""
    told = history.of_branch_until(answer, room=history.HISTORY_TOKENS * WINDOWS)
    size = sum(tokens.count(each["content"]) + tokens.TOKENS_PER_MESSAGE for each in told)
    if size < history.HISTORY_TOKENS * SHARE:
        return None
    earlier = _newest(answer.id)
    if earlier is not None and not _has_grown(earlier, answer):
        return None
    before = [{"role": "system", "content": f"What was summed up before: {earlier.text}"}] if earlier else []
    return [{"role": "system", "content": WORDS}, *before, *told, {"role": "user", "content": WORDS}]


def _has_grown(earlier: ConversationSummary, answer: Message) -> bool:
    """Whether what came since fills half a window."""
    since = Message.objects.filter(conversation_id=answer.conversation_id, created_at__gt=earlier.created_at)
    return (
        sum(tokens.count(text) for text in since.values_list("text", flat=True)) > history.HISTORY_TOKENS / 2
    )


def keep(*, conversation_id: UUID, until_id: UUID, text: str) -> None:
    """Without the sentences that hold a secret; nothing when that is all."""
    text = secrets.without(text).strip()
    if text:
        ConversationSummary.objects.update_or_create(
            until_id=until_id,
            defaults={"conversation_id": conversation_id, "text": text, "created_at": timezone.now()},
        )


def keep_run(*, run: Run, body: dict[str, Any]) -> list[MemoryItem]:
    """The summary of an ended reading, if its messages are still there."""
    answer = Message.objects.filter(id=body["until"], conversation_id=body["conversation"]).first()
    if answer is not None and run.text.strip():
        keep(conversation_id=answer.conversation_id, until_id=answer.id, text=run.text)
    return []
