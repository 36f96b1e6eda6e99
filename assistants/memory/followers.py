"""What memory does when a run has ended (assistants/runs/afterwards.py)."""

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError

from assistants.models import Run
from assistants.runs import afterwards

logger = logging.getLogger(__name__)


def connect() -> None:
    afterwards.follow(Run.Kind.REPLY, after_reply)
    afterwards.follow(Run.Kind.MEMORY, after_memory)


def after_reply(workspace_id: UUID, run: Run) -> None:
    if run.message_id is None or run.state != Run.State.DONE:
        return
    from assistants.memory.tasks import look_back  # noqa: PLC0415  tasks call services

    # Quick turns are read together: the last one's reading includes those before.
    ids = {"workspace_id": str(workspace_id), "message_id": str(run.message_id)}
    _enqueue(look_back, ids, countdown=settings.MEMORY_REST_S)


def after_memory(workspace_id: UUID, run: Run) -> None:
    from assistants.memory.tasks import apply_run  # noqa: PLC0415  tasks call services

    _enqueue(apply_run, {"workspace_id": str(workspace_id), "run_id": str(run.id)})


def _enqueue(task: Any, ids: dict[str, str], *, countdown: int = 0) -> None:
    """A broker that is away costs nothing for good: the next turn reads what this one left."""
    try:
        task.apply_async(kwargs=ids, countdown=countdown or None)
    except BrokerError:
        logger.warning("memory was not woken; the next turn reads what is unread")
