"""Calls of tools, which say what somebody asked; and what people decided for all later ones."""

from uuid import UUID

from django.db.models import Q, QuerySet

from assistants.models import ToolCall, ToolChoice
from config.personal import Exported, Holding, Subject, deleted


def _calls(subject: Subject) -> QuerySet[ToolCall]:
    mine = Q(run__owner_id=subject.user_id) | Q(run__message__conversation__owner_id=subject.user_id)
    return ToolCall.objects.filter(mine).order_by("created_at", "run_id", "round", "position")


def _all_calls(workspace_id: UUID) -> QuerySet[ToolCall]:
    return ToolCall.objects.order_by("created_at", "run_id", "round", "position")


def _choices(subject: Subject) -> QuerySet[ToolChoice]:
    return ToolChoice.objects.filter(person_id=subject.user_id).order_by("id")


def _all_choices(workspace_id: UUID) -> QuerySet[ToolChoice]:
    return ToolChoice.objects.order_by("id")


HELD: list[Holding] = [
    Exported(
        "assistants.ToolCall",
        "Calls of tools that led to answers",
        ("run_id", "round", "position", "tool", "arguments", "result", "state", "error_code", "created_at"),
        person=deleted(_calls),
        workspace=deleted(_all_calls),
    ),
    Exported(
        "assistants.ToolChoice",
        "Tools that were allowed or refused for good",
        ("assistant__name", "tool", "answer", "updated_at"),
        person=deleted(_choices),
        workspace=deleted(_all_choices),
    ),
]
