"""Celery entry points of titles."""

from typing import Any
from uuid import UUID

from celery import shared_task

from assistants.titles import services
from tenants.scope import WorkspaceNotFound, workspace_scope


@shared_task(name="assistants.titles.tasks.begin_title", queue="default", time_limit=60, soft_time_limit=50)
def begin_title(*, workspace_id: str, message_id: str, **_: Any) -> None:
    """After the first reply has ended."""
    try:
        with workspace_scope(UUID(workspace_id), allow_suspended=True) as workspace:
            if workspace.is_active:
                services.begin(answer_id=UUID(message_id))
    except WorkspaceNotFound:
        return


@shared_task(name="assistants.titles.tasks.apply_title", queue="default", time_limit=60, soft_time_limit=50)
def apply_title(*, workspace_id: str, run_id: str, **_: Any) -> None:
    """After a run of kind title has ended."""
    try:
        with workspace_scope(UUID(workspace_id), allow_suspended=True):
            services.apply(run_id=UUID(run_id))
    except WorkspaceNotFound:
        return
