"""Rows of documents and projects, for tests that need no file behind them. Inside the member's workspace."""

from uuid import UUID, uuid4

from django.db.models import Q
from django.utils import timezone

from accounts.permissions import Member
from assistants.models import Document, DocumentChunk, Project


def make(member: Member, **fields) -> Document:
    now = timezone.now()
    values = {
        "name": "Paper.txt", "media_type": "text/plain", "size_bytes": 5, "sha256": uuid4().hex * 2, "file": "",
        "state": Document.State.READY, "created_at": now, "updated_at": now,
    }  # fmt: skip
    return Document.objects.create(owner_id=member.user_id, **values | fields)


def found_by(scope: Q) -> list[UUID]:
    """Ids of the documents whose passages a search in this scope can find; each gets a passage for it."""
    for row in Document.objects.filter(chunks=None):
        DocumentChunk.objects.create(document=row, number=1, text="Words.", tokens=2)
    return list(DocumentChunk.objects.filter(scope).values_list("document_id", flat=True))


def make_project(member: Member) -> Project:
    now = timezone.now()
    return Project.objects.create(name="Project", owner_id=member.user_id, created_at=now, updated_at=now)
