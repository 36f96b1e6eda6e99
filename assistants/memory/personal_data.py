"""Memory is of persons: what each is remembered by goes with them. The shared layer is the workspace's."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import QuerySet

from assistants.memory import forgetting, services
from assistants.models import ConversationSummary, MemoryChoice, MemoryItem, MemoryRefusal, Relation
from config.personal import Exported, Holding, Subject, deleted


def _all(label: str, *order: str) -> Callable[[UUID], QuerySet[Any]]:
    return lambda workspace_id: apps.get_model(label)._default_manager.order_by(*order)


def _items(subject: Subject) -> QuerySet[MemoryItem]:
    return MemoryItem.objects.filter(person_id=subject.user_id).order_by("created_at", "id")


def _erase_items(subject: Subject) -> int:
    """With their edges and vectors, which go with their rows, and with entities that nothing else names."""
    return forgetting.erase_person(person_id=subject.user_id)


def _refusals(subject: Subject) -> QuerySet[MemoryRefusal]:
    return MemoryRefusal.objects.filter(person_id=subject.user_id).order_by("created_at", "id")


def _choices(subject: Subject) -> QuerySet[MemoryChoice]:
    return MemoryChoice.objects.filter(person_id=subject.user_id)


def _summaries(subject: Subject) -> QuerySet[ConversationSummary]:
    rows = ConversationSummary.objects.filter(conversation__owner_id=subject.user_id)
    return rows.order_by("created_at", "id")


def _relations(subject: Subject) -> QuerySet[Relation]:
    return Relation.objects.filter(item__person_id=subject.user_id).order_by("created_at", "id")


HELD: list[Holding] = [
    Exported(
        "assistants.Relation",
        "Relations of what is remembered",
        ("subject__name", "predicate", "object__name", "item_id", "created_at"),
        person=deleted(_relations),
        workspace=deleted(_all("assistants.Relation", "created_at", "id")),
    ),
    Exported(
        "assistants.MemoryItem",
        "What assistants remember",
        (
            "id", "layer", "text", "slot", "confidence", "source_conversation_id", "source_message_id", "happened_at",
            "created_at", "last_used_at", "use_count", "pinned_at", "superseded_at", "superseded_by_id",
        ),
        person=deleted(_items, erase=_erase_items),
        workspace=deleted(_all("assistants.MemoryItem", "created_at", "id")),
    ),
    Exported(
        "assistants.MemoryRefusal",
        "What is never to be remembered",
        ("text", "created_at"),
        person=deleted(_refusals),
        workspace=deleted(_all("assistants.MemoryRefusal", "created_at", "id")),
    ),
    Exported(
        "assistants.MemoryChoice",
        "The switch of memory",
        ("is_on", "updated_at"),
        person=deleted(_choices),
        workspace=deleted(_all("assistants.MemoryChoice", "updated_at")),
    ),
    Exported(
        "assistants.ConversationSummary",
        "Summaries of conversations",
        ("conversation_id", "text", "created_at"),
        person=deleted(_summaries),
        workspace=deleted(_all("assistants.ConversationSummary", "created_at", "id")),
    ),
    Exported(
        "assistants.Entity",
        "Entities of what is remembered",
        ("name", "kind", "created_at"),
        person=deleted(lambda subject: services.entities_of(subject.user_id)),
        workspace=deleted(_all("assistants.Entity", "created_at", "id")),
    ),
]  # fmt: skip
