from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from assistants.models import Assistant
from config import errors


def list_assistants() -> QuerySet[Assistant]:
    return Assistant.objects.filter(archived_at__isnull=True).order_by("created_at")


def access_assistant(assistant_id: UUID) -> Assistant:
    """Raises NotFound."""
    assistant = list_assistants().filter(id=assistant_id).first()
    if assistant is None:
        raise errors.NotFound()
    return assistant


def get_default_assistant() -> Assistant:
    """The workspace's first one. Raises NotFound when all were archived."""
    assistant = list_assistants().first()
    if assistant is None:
        raise errors.NotFound("This workspace has no assistant yet. Create one first.", code="no_assistant")
    return assistant


def names_of(*, ids: Collection[UUID] | None = None) -> dict[UUID, str]:
    """The answer to the port `assistant_names`. One query."""
    rows = list_assistants() if ids is None else Assistant.objects.filter(id__in=ids)
    return dict(rows.values_list("id", "name"))
