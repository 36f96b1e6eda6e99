"""Celery entry points of the library."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from assistants.chat import attaching
from assistants.library import services
from assistants.library.importing import services as importing


@shared_task(
    name="assistants.library.tasks.read_import", queue="documents", soft_time_limit=3300, time_limit=3360
)
def read_import(*, workspace_id: str, import_id: str, **_: Any) -> None:
    importing.run(UUID(workspace_id), UUID(import_id))


@shared_task(
    name="assistants.library.tasks.purge_deleted", queue="default", soft_time_limit=120, time_limit=150
)
def purge_deleted() -> None:
    """Nightly: one task for each workspace, so that one that fails hinders no other."""
    for workspace_id in services.list_workspaces():
        purge_deleted_in.delay(workspace_id=str(workspace_id))


@shared_task(
    name="assistants.library.tasks.purge_deleted_in", queue="default", soft_time_limit=1500, time_limit=1560
)
def purge_deleted_in(*, workspace_id: str, **_: Any) -> None:
    now = timezone.now()
    services.purge(UUID(workspace_id), now=now)
    attaching.sweep(UUID(workspace_id), now=now)
    importing.wake_all_stale(UUID(workspace_id), now=now)
