"""What a workspace's schema holds: who talked, and what was said. Dropped as a whole with the workspace."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import redis
from django.apps import apps
from django.db import transaction
from django.db.models import Q, QuerySet

from assistants.builder.personal_data import HELD as builder
from assistants.chat.personal_data import HELD as chat
from assistants.documents.personal_data import HELD as documents
from assistants.library.personal_data import HELD as library
from assistants.memory.personal_data import HELD as memory
from assistants.models import Conversation, Message, Run
from assistants.projects.personal_data import HELD as projects
from assistants.providers.personal_data import HELD as providers
from assistants.tools.personal_data import HELD as tools
from assistants.widget.personal_data import HELD as widget
from config import redis as redis_clients
from config.personal import Exported, Holding, NotYet, Subject, deleted
from tenants import keys
from tenants.scope import current_workspace

logger = logging.getLogger(__name__)
BATCH = 500


def _all(label: str, *order: str) -> Callable[[UUID], QuerySet[Any]]:
    return lambda workspace_id: apps.get_model(label)._default_manager.order_by(*order)


def _messages(subject: Subject) -> QuerySet[Message]:
    rows = Message.objects.filter(conversation__owner_id=subject.user_id)
    return rows.order_by("conversation__created_at", "conversation_id", "created_at")


def _runs(subject: Subject) -> QuerySet[Run]:
    mine = Q(owner_id=subject.user_id) | Q(message__conversation__owner_id=subject.user_id)
    return Run.objects.filter(mine).order_by("created_at", "id")


def _erase_runs(subject: Subject) -> int:
    """With their streams, which say the answers once more. Raises NotYet while one runs: its worker would write."""
    rows = _runs(subject)
    if rows.filter(finished_at=None).exists():
        raise NotYet
    found = list(rows.values_list("id", flat=True))
    for start in range(0, len(found), BATCH):
        Run.objects.filter(id__in=found[start : start + BATCH]).delete()
    transaction.on_commit(partial(_drop_streams, current_workspace().id, found))
    return len(found)


def _drop_streams(workspace_id: UUID, run_ids: list[UUID]) -> None:
    """Those that Redis does not let go of end by themselves within the hour."""
    names = [keys.stream_key(workspace_id, run_id) for run_id in run_ids]
    try:
        for start in range(0, len(names), BATCH):
            redis_clients.client().delete(*names[start : start + BATCH])
    except redis.RedisError:
        logger.warning("streams of erased runs were not deleted; they expire")


RUN_FIELDS = (
    "id", "kind", "state", "model", "provider", "answered_by", "request", "text", "tool_calls", "finish_reason",
    "error_code", "input_tokens", "output_tokens", "cost_micro", "receipt_id", "created_at", "finished_at",
)  # fmt: skip
CHAT: list[Holding] = [
    Exported(
        "assistants.Run",
        "Answers and other work of models",
        RUN_FIELDS,
        person=deleted(_runs, erase=_erase_runs),
        workspace=deleted(_all("assistants.Run", "created_at", "id")),
    ),
    Exported(
        "assistants.Message",
        "Messages",
        ("conversation_id", "conversation__title", "id", "parent_id", "role", "text", "created_at"),
        person=deleted(_messages),
        workspace=deleted(
            _all("assistants.Message", "conversation__created_at", "conversation_id", "created_at")
        ),
    ),
    Exported(
        "assistants.Conversation",
        "Conversations",
        ("id", "title", "assistant__name", "created_at", "updated_at"),
        person=deleted(lambda subject: Conversation.objects.filter(owner_id=subject.user_id)),
        workspace=deleted(_all("assistants.Conversation", "created_at")),
    ),
]  # fmt: skip
HOLDINGS: list[Holding] = [
    *tools,
    *widget,
    *chat,
    *CHAT,
    *builder,
    *projects,
    *library,
    *memory,
    *documents,
    *providers,
]
