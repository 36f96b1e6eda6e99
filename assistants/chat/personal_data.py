"""What hangs on conversations besides their messages: questions in the queue, files given, thumbs."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet

from assistants.models import Attachment, Feedback, FollowUp
from config.personal import Exported, Holding, Subject, deleted


def _all(label: str, *order: str) -> Callable[[UUID], QuerySet[Any]]:
    return lambda workspace_id: apps.get_model(label)._default_manager.order_by(*order)


def _follow_ups(subject: Subject) -> QuerySet[FollowUp]:
    return FollowUp.objects.filter(owner_id=subject.user_id).order_by("created_at", "id")


def _attachments(subject: Subject) -> QuerySet[Attachment]:
    return Attachment.objects.filter(owner_id=subject.user_id).order_by("created_at", "id")


def _erase_attachments(subject: Subject) -> int:
    """With their files."""
    rows = _attachments(subject)
    files = list(rows.exclude(file="").values_list("file", flat=True))
    count = rows.count()
    rows.delete()
    for name in files:
        transaction.on_commit(partial(default_storage.delete, name))
    return count


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
        ("id", "message_id", "name", "media_type", "size_bytes", "created_at"),
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
