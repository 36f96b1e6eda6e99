"""What hangs on conversations besides their messages: questions in the queue, files given, thumbs."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import QuerySet

from assistants.models import Attachment, Feedback, FollowUp
from assistants.retention import erasing
from config.personal import Exported, Holding, Subject, deleted
from tenants.scope import current_workspace


def _all(label: str, *order: str) -> Callable[[UUID], QuerySet[Any]]:
    return lambda workspace_id: apps.get_model(label)._default_manager.order_by(*order)


def _follow_ups(subject: Subject) -> QuerySet[FollowUp]:
    return FollowUp.objects.filter(owner_id=subject.user_id).order_by("created_at", "id")


def _attachments(subject: Subject) -> QuerySet[Attachment]:
    return Attachment.objects.filter(owner_id=subject.user_id).order_by("created_at", "id")


def _erase_attachments(subject: Subject) -> int:
    """With their files and documents, but for what another person's fork still shows."""
    rows = _attachments(subject)
    files, given = erasing.what_hangs_on(rows)
    count, _ = rows.delete()
    erasing.erase_given(current_workspace().id, files, given)
    return count


def _files(subject: Subject) -> list[str]:
    rows = _attachments(subject).exclude(file="").order_by("file").distinct("file")
    return list(rows.values_list("file", flat=True))


def _thumbs(subject: Subject) -> QuerySet[Feedback]:
    return Feedback.objects.filter(person_id=subject.user_id).order_by("created_at", "id")


HELD: list[Holding] = [
    Exported(
        "assistants.FollowUp",
        "Questions that wait for an answer to end",
        ("conversation_id", "text", "error_code", "created_at"),
        person=deleted(_follow_ups),
        workspace=deleted(_all("assistants.FollowUp", "created_at", "id")),
    ),
    Exported(
        "assistants.Attachment",
        "Files given with questions",
        ("id", "message_id", "document_id", "name", "media_type", "size_bytes", "file", "created_at"),
        files=_files,
        person=deleted(_attachments, erase=_erase_attachments),
        workspace=deleted(_all("assistants.Attachment", "created_at", "id")),
    ),
    Exported(
        "assistants.Feedback",
        "Thumbs on answers",
        ("message_id", "is_good", "comment", "created_at"),
        person=deleted(_thumbs),
        workspace=deleted(_all("assistants.Feedback", "created_at", "id")),
    ),
]
