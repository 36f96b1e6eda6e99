"""Celery entry points of memory."""

from typing import Any
from uuid import UUID

from celery import shared_task

from assistants.memory import applying, extraction, praise
from tenants.scope import WorkspaceNotFound, workspace_scope


@shared_task(name="assistants.memory.tasks.look_back", queue="default", time_limit=60, soft_time_limit=50)
def look_back(*, workspace_id: str, message_id: str, **_: Any) -> None:
    """After a reply has ended."""
    try:
        with workspace_scope(UUID(workspace_id), allow_suspended=True) as workspace:
            if workspace.is_active:
                extraction.look_back(answer_id=UUID(message_id))
    except WorkspaceNotFound:
        return


@shared_task(name="assistants.memory.tasks.apply_run", queue="default", time_limit=60, soft_time_limit=50)
def apply_run(*, workspace_id: str, run_id: str, **_: Any) -> None:
    """After a run of kind memory has ended."""
    try:
        with workspace_scope(UUID(workspace_id), allow_suspended=True):
            applying.apply(run_id=UUID(run_id))
    except WorkspaceNotFound:
        return


@shared_task(name="assistants.memory.tasks.learn", queue="default", time_limit=60, soft_time_limit=50)
def learn(*, workspace_id: str, message_id: str, person_id: str, **_: Any) -> None:
    """After somebody liked an answer."""
    try:
        with workspace_scope(UUID(workspace_id), allow_suspended=True) as workspace:
            if workspace.is_active:
                praise.learn(answer_id=UUID(message_id), person_id=UUID(person_id))
    except WorkspaceNotFound:
        return
