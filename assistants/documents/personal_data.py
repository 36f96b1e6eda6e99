"""Documents of whoever uploaded them, with files, passages and vectors; and the profile from a person's résumé.

A person takes the passages along; the export of a workspace holds the files themselves. They go with their rows.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import QuerySet

from assistants.documents import services
from assistants.models import Document, DocumentChunk, ResumeProfile
from config.personal import Exported, Holding, Subject, deleted


def _all(label: str, *order: str) -> Callable[[UUID], QuerySet[Any]]:
    return lambda workspace_id: apps.get_model(label)._default_manager.order_by(*order)


def _documents(subject: Subject) -> QuerySet[Document]:
    return Document.objects.filter(owner_id=subject.user_id).order_by("created_at", "id")


def _passages(subject: Subject) -> QuerySet[DocumentChunk]:
    return DocumentChunk.objects.filter(document__owner_id=subject.user_id).order_by("document_id", "number")


def _profiles(subject: Subject) -> QuerySet[ResumeProfile]:
    return ResumeProfile.objects.filter(person_id=subject.user_id).order_by("created_at", "id")


def _erase_documents(subject: Subject) -> int:
    """Whoever sees them: what one person uploaded goes with them. Passages, vectors and profiles go with the rows,
    files after the commit. A worker that reads one of them finds its row gone.
    """
    return services.erase(list(_documents(subject).values_list("id", flat=True)))


HELD: list[Holding] = [
    Exported(
        "assistants.ResumeProfile",
        "Profile from your résumé",
        ("document_id", "profile", "is_edited", "created_at"),
        person=deleted(_profiles),
        workspace=deleted(_all("assistants.ResumeProfile", "created_at", "id")),
    ),
    Exported(
        "assistants.DocumentChunk",
        "Passages of documents",
        ("document_id", "document__name", "number", "page", "heading", "text"),
        # Their vectors go with them: services.erase, and a foreign key that deletes.
        person=deleted(_passages),
        workspace=deleted(_all("assistants.DocumentChunk", "document_id", "number")),
    ),
    Exported(
        "assistants.Document",
        "Documents",
        (
            "id", "name", "kind", "media_type", "size_bytes", "sha256", "state", "version", "pages", "is_shared",
            "project_id", "created_at", "updated_at",
        ),
        person=deleted(_documents, erase=_erase_documents),
        workspace=deleted(_all("assistants.Document", "created_at", "id")),
    ),
]  # fmt: skip
