"""Celery entry points of recall."""

from typing import Any
from uuid import UUID

from celery import shared_task

from assistants.llm.errors import ProviderFailure
from assistants.recall import services
from assistants.recall.kinds import Kind
from config import errors
from tenants.scope import workspace_scope

AGAIN_S = 60


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
