"""A workspace's own access to models: of the workspace, and nobody's when its maker is gone."""

from uuid import UUID

from django.db.models import QuerySet

from assistants.models import Provider, ProviderModel
from config.personal import Exported, Holding, Subject, deleted, emptied


def _made(subject: Subject) -> QuerySet[Provider]:
    return Provider.objects.filter(created_by_id=subject.user_id)


def _all(workspace_id: UUID) -> QuerySet[Provider]:
    return Provider.objects.order_by("created_at", "id")


HELD: list[Holding] = [
    Exported(
        "assistants.Provider",
        "Own access to models",
        ("id", "name", "kind", "base_url", "key_last_four", "is_on", "created_at"),
        person=emptied(_made, created_by_id=None),
        workspace=deleted(_all),
    ),
    Exported(
        "assistants.ProviderModel",
        "Models of own providers",
        ("provider_id", "name", "is_offered", "has_vision", "seen_at"),
        person=None,
        workspace=deleted(lambda workspace_id: ProviderModel.objects.order_by("id")),
    ),
]
