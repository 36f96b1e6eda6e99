"""Assistants stay for the team when their maker goes; what only one person could use goes with them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Exists, OuterRef, QuerySet

from assistants.models import Assistant, AssistantKnowledge, AssistantMember, AssistantVersion, Conversation
from config.personal import Exported, Holding, Subject, deleted, emptied
from tenants import pictures

EMPTIED = {"name": "A removed assistant", "description": "", "instructions": "", "starters": [], "tools": []}


def _all(label: str, *order: str) -> Callable[[UUID], QuerySet[Any]]:
    return lambda workspace_id: apps.get_model(label)._default_manager.order_by(*order)


def _made_by(subject: Subject) -> QuerySet[Assistant]:
    return Assistant.objects.filter(created_by_id=subject.user_id).order_by("created_at", "id")


def _erase_made_by(subject: Subject) -> int:
    """Those that others use lose their maker only. A private one is deleted; where others once talked to it, it is
    emptied and archived, so that their conversations stay."""
    private = _made_by(subject).filter(visibility=Assistant.Visibility.PERSON)
    talked = Exists(Conversation.objects.filter(assistant=OuterRef("id")))
    rows = list(private.annotate(is_needed=talked))
    for assistant in rows:
        pictures.remove_on_commit(assistant.avatar)
        if assistant.is_needed:
            _empty(assistant)
        else:
            assistant.delete()
    return _made_by(subject).update(created_by_id=None) + len(rows)


def _empty(assistant: Assistant) -> None:
    assistant.versions.all().delete()
    assistant.knowledge.all().delete()
    for name, value in EMPTIED.items():
        setattr(assistant, name, value)
    assistant.avatar, assistant.created_by_id = "", None
    assistant.archived_at = assistant.archived_at or assistant.updated_at
    assistant.pinned_number = None
    assistant.save()


HELD: list[Holding] = [
    Exported(
        "assistants.AssistantVersion",
        "Versions of assistants",
        ("assistant_id", "number", "snapshot", "note", "created_at"),
        person=emptied(
            lambda subject: AssistantVersion.objects.filter(created_by_id=subject.user_id).order_by("created_at"),
            created_by_id=None,
        ),
        workspace=deleted(_all("assistants.AssistantVersion", "assistant_id", "number")),
    ),
    Exported(
        "assistants.AssistantMember",
        "Assistants shared with you",
        ("assistant_id", "user_id"),
        person=deleted(lambda subject: AssistantMember.objects.filter(user_id=subject.user_id).order_by("id")),
        workspace=deleted(_all("assistants.AssistantMember", "id")),
    ),
    Exported(
        "assistants.AssistantKnowledge",
        "Documents given to assistants",
        ("assistant_id", "document_id"),
        person=deleted(
            lambda subject: AssistantKnowledge.objects.filter(document__owner_id=subject.user_id).order_by("id")
        ),
        workspace=deleted(_all("assistants.AssistantKnowledge", "id")),
    ),
    Exported(
        "assistants.Assistant",
        "Assistants",
        (
            "id", "name", "slug", "description", "instructions", "model", "fallback_models", "temperature",
            "max_output_tokens", "tools", "starters", "uses_memory", "template", "visibility", "created_at",
            "updated_at", "archived_at",
        ),
        person=emptied(_made_by, erase=_erase_made_by, created_by_id=None),
        workspace=deleted(_all("assistants.Assistant", "created_at")),
    ),
]  # fmt: skip
