"""Reads of widgets and of what their visitors asked."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.permissions import Member
from assistants.models import Assistant, Conversation, Message, Run, Widget
from config import errors

PAGE = 50
SHOWN = 60


def get_widget(assistant: Assistant) -> Widget | None:
    return Widget.objects.filter(assistant=assistant).first()


def latest_talk(member: Member, widget: Widget) -> Conversation | None:
    """The visitor's own last one at this widget."""
    rows = Conversation.objects.filter(widget=widget, owner_id=member.user_id, deleted_at=None)
    return rows.select_related("assistant").order_by("-created_at", "-id").first()


def access_talk(member: Member, widget: Widget, conversation_id: UUID) -> Conversation:
    """Raises NotFound."""
    rows = Conversation.objects.filter(widget=widget, owner_id=member.user_id, deleted_at=None)
    row = rows.select_related("assistant").filter(id=conversation_id).first()
    if row is None:
        raise errors.NotFound()
    return row


def access_run(member: Member, widget: Widget, run_id: UUID) -> Run:
    """Raises NotFound."""
    row = Run.objects.filter(id=run_id, owner_id=member.user_id, message__conversation__widget=widget).first()
    if row is None:
        raise errors.NotFound()
    return row


def list_said(conversation: Conversation) -> list[Message]:
    """The last SHOWN messages in order. Two queries, with their runs."""
    rows = conversation.messages.order_by("-created_at", "-id").prefetch_related("runs")[:SHOWN]
    return list(rows)[::-1]


def access_answer(member: Member, widget: Widget, message_id: UUID) -> Message:
    """Raises NotFound."""
    row = Message.objects.filter(
        id=message_id,
        role=Message.Role.ASSISTANT,
        conversation__widget=widget,
        conversation__owner_id=member.user_id,
    ).first()
    if row is None:
        raise errors.NotFound()
    return row


def no_talks() -> QuerySet[Conversation]:
    return Conversation.objects.none()


def talks_of(assistant: Assistant) -> QuerySet[Conversation]:
    return Conversation.objects.filter(widget__assistant=assistant, deleted_at=None)


def list_talks(widget: Widget, *, before: tuple[datetime, UUID] | None) -> list[Conversation]:
    """What visitors asked, the last first; one more than a page where there are older ones."""
    rows = Conversation.objects.filter(widget=widget, deleted_at=None)
    if before is not None:
        rows = rows.filter(Q(updated_at__lt=before[0]) | Q(updated_at=before[0], id__lt=before[1]))
    return list(rows.order_by("-updated_at", "-id")[: PAGE + 1])


def access_talk_of(assistant: Assistant, conversation_id: UUID) -> Conversation:
    """For whoever looks after the assistant. Raises NotFound."""
    row = talks_of(assistant).filter(id=conversation_id).first()
    if row is None:
        raise errors.NotFound()
    return row
