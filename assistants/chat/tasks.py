"""Celery entry points of conversations."""

from typing import Any
from uuid import UUID

from celery import shared_task

from assistants.chat import followers, queueing
from tenants.scope import WorkspaceNotFound, workspace_scope


@shared_task(name="assistants.chat.tasks.send_next", queue="default", time_limit=60, soft_time_limit=50)
def send_next(*, workspace_id: str, conversation_id: str, **_: Any) -> None:
    """After an answer was finished that somebody waited for. Safe to run any number of times."""
    try:
        with workspace_scope(UUID(workspace_id), allow_suspended=True) as workspace:
            if workspace.is_active:
                queueing.send_next(conversation_id=UUID(conversation_id))
    except WorkspaceNotFound:
        return


@shared_task(
    name="assistants.chat.tasks.sweep_follow_ups", queue="default", time_limit=60, soft_time_limit=50
)
def sweep_follow_ups() -> None:
    followers.sweep()
