"""Celery entry points of the retention of conversations."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from assistants.retention import services


@shared_task(
    name="assistants.retention.tasks.apply_retention", queue="default", soft_time_limit=120, time_limit=150
)
def apply_retention() -> None:
    """Nightly: one task for each workspace, so that one that fails hinders no other."""
    for workspace_id in services.list_workspaces():
        apply_retention_in.delay(workspace_id=str(workspace_id))


@shared_task(
    name="assistants.retention.tasks.apply_retention_in",
    queue="default",
    soft_time_limit=1500,
    time_limit=1560,
)
def apply_retention_in(*, workspace_id: str, **_: Any) -> None:
    services.apply(UUID(workspace_id), now=timezone.now())
