"""What is there, and what is older than the workspace keeps it. In its scope, but for `inventory_of`."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from assistants.models import Assistant, Conversation, Message, Run
from tenants.lifecycle.inventory import Line
from tenants.scope import workspace_scope

LIVE = [Run.State.QUEUED, Run.State.RUNNING]


@dataclass(frozen=True)
class Due:
    """`calls`: runs without a conversation, such as those that programs ask for."""

    conversations: int
    calls: int

    @property
    def total(self) -> int:
        return self.conversations + self.calls


def old_conversations(before: datetime) -> QuerySet[Conversation]:
    """Nothing was said in them since, and nothing is being said."""
    running = Run.objects.filter(message__conversation_id=OuterRef("id"), state__in=LIVE)
    later = Q(finished_at__gte=before) | Q(created_at__gte=before)
    since = Run.objects.filter(later, message__conversation_id=OuterRef("id"))
    return Conversation.objects.filter(~Exists(running), ~Exists(since), updated_at__lt=before)


def old_calls(before: datetime) -> QuerySet[Run]:
    return Run.objects.filter(message=None, finished_at__lt=before)


def count_due(before: datetime) -> Due:
    """Two queries."""
    return Due(old_conversations(before).count(), old_calls(before).count())


def inventory_of(workspace_id: UUID) -> list[Line]:
    """What deleting the workspace erases of its data plane. Five queries."""
    with workspace_scope(workspace_id, allow_suspended=True):
        calls = Run.objects.filter(message=None).count()
        return [
            Line("conversations", Conversation.objects.count(), note="With every question and answer."),
            Line("messages", Message.objects.count()),
            Line("calls by programs", calls, note="With what was asked and answered."),
            Line("assistants", Assistant.objects.count(), note="With their instructions."),
        ]
