"""Celery entry points of documents."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from assistants.documents import parsing, resumes

QUEUE = "documents"


@shared_task(
    name="assistants.documents.tasks.parse_document",
    queue=QUEUE,
    soft_time_limit=parsing.LEASE_S,
    time_limit=parsing.LEASE_S + 15,
    acks_late=True,
)
def parse_document(*, workspace_id: str, document_id: str, **_: Any) -> None:
    """Safe to run any number of times: whoever claims the document reads it."""
    parsing.parse(workspace_id=UUID(workspace_id), document_id=UUID(document_id))


@shared_task(
    name="assistants.documents.tasks.sweep_documents", queue="default", soft_time_limit=50, time_limit=60
)
def sweep_documents() -> None:
    parsing.sweep(now=timezone.now())


@shared_task(
    name="assistants.documents.tasks.keep_profile", queue="default", soft_time_limit=20, time_limit=30
)
def keep_profile(*, workspace_id: str, run_id: str, **_: Any) -> None:
    resumes.keep(workspace_id=UUID(workspace_id), run_id=UUID(run_id))
