"""A widget is the workspace's; that somebody made it is forgotten with them."""

from uuid import UUID

from django.db.models import QuerySet

from assistants.models import Widget
from config.personal import Exported, Holding, Subject, deleted, emptied


def _made_by(subject: Subject) -> QuerySet[Widget]:
    return Widget.objects.filter(created_by_id=subject.user_id).order_by("created_at", "id")


def _all(workspace_id: UUID) -> QuerySet[Widget]:
    return Widget.objects.order_by("created_at", "id")


HELD: list[Holding] = [
    Exported(
        "assistants.Widget",
        "Chats on other sites",
        (
            "id", "assistant_id", "is_on", "sites", "title", "greeting", "colour", "messages_per_day",
            "visitor_messages_per_day", "created_at", "updated_at",
        ),
        person=emptied(_made_by, created_by_id=None),
        workspace=deleted(_all),
    ),
]  # fmt: skip
