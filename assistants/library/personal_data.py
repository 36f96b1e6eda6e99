"""What is kept beside conversations: links to copies, files on their way in."""

from uuid import UUID

from django.core.files.storage import default_storage
from django.db.models import QuerySet

from assistants.models import ConversationImport, ShareLink
from config.personal import Exported, Holding, Subject, deleted


def _links(subject: Subject) -> QuerySet[ShareLink]:
    return ShareLink.objects.filter(owner_id=subject.user_id).order_by("created_at", "id")


def _all_links(workspace_id: UUID) -> QuerySet[ShareLink]:
    return ShareLink.objects.order_by("created_at", "id")


def _imports(subject: Subject) -> QuerySet[ConversationImport]:
    return ConversationImport.objects.filter(owner_id=subject.user_id).order_by("created_at", "id")


def _all_imports(workspace_id: UUID) -> QuerySet[ConversationImport]:
    return ConversationImport.objects.order_by("created_at", "id")


def _erase_imports(subject: Subject) -> int:
    """With files that were not read to their end. A worker that reads one finds its row gone, and its owner."""
    rows = _imports(subject)
    for name in rows.exclude(file="").values_list("file", flat=True):
        default_storage.delete(name)
    return rows.delete()[0]


HELD: list[Holding] = [
    Exported(
        "assistants.ShareLink",
        "Links to copies of conversations",
        ("id", "conversation_id", "snapshot", "created_at", "expires_at", "revoked_at"),
        person=deleted(_links),
        workspace=deleted(_all_links),
    ),
    Exported(
        "assistants.ConversationImport",
        "Conversations taken in from elsewhere",
        ("id", "name", "size_bytes", "source", "state", "added", "messages", "created_at", "finished_at"),
        person=deleted(_imports, erase=_erase_imports),
        workspace=deleted(_all_imports),
    ),
]
