"""A worker's part of a document: claim it, have it read by a process with limits, put its passages in place.

The row is the lease. A worker that dies leaves one that runs out; the sweep wakes another, which reads the document
from the beginning. What the first one still writes names an attempt that is no longer the present one.
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from assistants.documents import resumes, sandbox, services
from assistants.models import Document, DocumentChunk
from assistants.recall import index as recall
from config import errors
from tenants.models import Workspace
from tenants.scope import workspace_scope

LEASE_S = 180
"""Longer than the reader may live: it is renewed whenever the reader tells how far it is."""
FORGOTTEN_S = 60
"""What nobody claimed for so long was not heard of: the broker was away."""
MAX_TRIES = 3
BATCH = 500
logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another attempt owns the document, or it was uploaded anew or deleted."""


def parse(*, workspace_id: UUID, document_id: UUID) -> None:
    """Outside every workspace. Does nothing when somebody else reads it, or nothing is to be read."""
    try:
        with workspace_scope(workspace_id):
            document = _claim(document_id)
            if document is not None:
                _read(document)
    except LeaseLost:
        logger.warning("a document was taken over meanwhile", extra={"document_id": str(document_id)})
    except errors.DomainError as refusal:
        # A workspace that is not active: the sweep looks again when it is.
        logger.info("a document waits: %s", refusal.code, extra={"document_id": str(document_id)})


def sweep(*, now: datetime) -> int:
    """Wakes workers for what nobody reads. Returns for how many documents. Two queries for each active workspace."""
    woken = 0
    for workspace_id in Workspace.objects.filter(state=Workspace.State.ACTIVE).values_list("id", flat=True):
        try:
            with workspace_scope(workspace_id):
                ids = list(_abandoned(now).values_list("id", flat=True)[:BATCH])
        except errors.DomainError:
            continue
        for document_id in ids:
            services.enqueue(workspace_id=workspace_id, document_id=document_id)
        woken += len(ids)
    return woken


def _abandoned(now: datetime) -> QuerySet[Document]:
    unheard = Q(state=Document.State.UPLOADED, updated_at__lt=now - timedelta(seconds=FORGOTTEN_S))
    dead = Q(state=Document.State.PARSING, lease_expires_at__lt=now)
    return Document.objects.filter(unheard | dead).order_by("updated_at")


def _claim(document_id: UUID) -> Document | None:
    now = timezone.now()
    free = Q(state=Document.State.UPLOADED) | Q(state=Document.State.PARSING, lease_expires_at__lt=now)
    with transaction.atomic():
        row = Document.objects.select_for_update(skip_locked=True).filter(free, id=document_id).first()
        if row is None:
            return None
        row.attempt, row.tries, row.state = row.attempt + 1, row.tries + 1, Document.State.PARSING
        row.progress, row.lease_expires_at = 0, now + timedelta(seconds=LEASE_S)
        if row.tries > MAX_TRIES:
            row.state, row.error_code, row.lease_expires_at = Document.State.FAILED, "parser_killed", None
        row.updated_at = now
        row.save(
            update_fields=[
                "attempt", "tries", "state", "error_code", "progress", "lease_expires_at", "updated_at",
            ]
        )  # fmt: skip
    return row if row.state == Document.State.PARSING else None


def _read(document: Document) -> None:
    def tell(percent: int) -> None:
        lease = timezone.now() + timedelta(seconds=LEASE_S)
        _write(document, progress=percent, lease_expires_at=lease)

    try:
        with default_storage.open(document.file) as file:
            reading = sandbox.read(file, document.media_type, tell)
    except FileNotFoundError:
        _fail(document, "file_missing")
    except sandbox.ReadingFailed as failure:
        _fail(document, failure.code)
    else:
        _finish(document, reading)
        resumes.follow_reading(document)


def _write(document: Document, **values: Any) -> None:
    """Raises LeaseLost when the attempt is not the present one."""
    mine = Document.objects.filter(id=document.id, attempt=document.attempt, state=Document.State.PARSING)
    if not mine.update(updated_at=timezone.now(), **values):
        raise LeaseLost


def _fail(document: Document, code: str) -> None:
    """Passages of an earlier version stay: they are still what the document said before."""
    _write(document, state=Document.State.FAILED, error_code=code, lease_expires_at=None)


def _finish(document: Document, reading: sandbox.Reading) -> None:
    """One transaction: the old passages go when the new ones are there."""
    rows = [
        DocumentChunk(
            document=document, number=number, page=found.page, heading=found.heading, text=found.text,
            tokens=found.tokens,
        )
        for number, found in enumerate(reading.passages, start=1)
    ]  # fmt: skip
    with transaction.atomic():
        now = timezone.now()
        _write(
            document,
            state=Document.State.READY,
            progress=100,
            lease_expires_at=None,
            pages=reading.pages,
            characters=sum(len(found.text) for found in reading.passages),
            parsed_at=now,
        )
        drop_passages([document.id])
        DocumentChunk.objects.bulk_create(rows, batch_size=BATCH)
        recall.index(kind="passage", ids=[row.id for row in rows])


def drop_passages(document_ids: list[UUID]) -> None:
    """With their vectors. Inside a transaction."""
    chunks = DocumentChunk.objects.filter(document_id__in=document_ids)
    recall.forget(kind="passage", ids=chunks.values_list("id", flat=True))
    chunks.delete()
