"""Celery entry points of recall."""

import logging
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded

from assistants.llm.errors import ProviderFailure
from assistants.recall import services
from assistants.recall.kinds import SOURCES, Kind
from config import errors
from tenants.scope import workspace_scope

AGAIN_S = 60
logger = logging.getLogger(__name__)


@shared_task(
    name="assistants.recall.tasks.embed_rows", queue="documents", bind=True, max_retries=5,
    time_limit=300, soft_time_limit=280,
)  # fmt: skip
def embed_rows(self: Any, *, workspace_id: str, kind: Kind, ids: list[str], **_: Any) -> None:
    """Refused by a limit or a provider that is away: tried again a few times, then left to `embed_missing`."""
    try:
        with workspace_scope(UUID(workspace_id)):
            services.embed_rows(kind=kind, ids=[UUID(row_id) for row_id in ids])
    except (ProviderFailure, errors.DomainError) as problem:
        raise self.retry(countdown=AGAIN_S * 2**self.request.retries, exc=problem) from problem


@shared_task(
    name="assistants.recall.tasks.embed_missing", queue="default", soft_time_limit=120, time_limit=150
)
def embed_missing() -> None:
    """Hourly: one task for each workspace, so that one that fails hinders no other."""
    for workspace_id in services.list_workspaces():
        embed_missing_in.delay(workspace_id=str(workspace_id))


@shared_task(
    name="assistants.recall.tasks.embed_missing_in", queue="documents", soft_time_limit=3000, time_limit=3060
)
def embed_missing_in(*, workspace_id: str, **_: Any) -> None:
    """What the time is too short for, a provider that is away, and limits that refuse: left to the next hour."""
    for kind in SOURCES:
        try:
            with workspace_scope(UUID(workspace_id)):
                services.embed_missing(kind=kind)
        except (ProviderFailure, errors.DomainError, SoftTimeLimitExceeded) as problem:
            logger.info("vectors are still missing: %s", getattr(problem, "code", "time"))
            return
