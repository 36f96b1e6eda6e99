"""Writes to widgets: their settings by the workspace, questions by visitors."""

from dataclasses import asdict, dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import revocation
from accounts.permissions import Member
from assistants.chat import services as chat
from assistants.chat.services import Choices, Turn
from assistants.library import services as library
from assistants.models import Assistant, Conversation, Message, Widget
from assistants.retention import erasing
from assistants.widget.access import Door
from assistants.widget.refusals import NotServed, UsedUp
from config import errors
from tenants import audit
from usage.features import queries as features
from usage.features.keys import Feature
from usage.holds.types import QuotaExceeded
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Limit, Meter, SubjectKind, Window

# What a visitor is told as it is: it speaks of what they sent.
THEIRS = frozenset({"message_empty", "message_too_long", "answer_running", "not_found", "parent_gone"})


@dataclass(frozen=True)
class Settings:
    """`sites`: origins (assistants/widget/sites.py). `colour`: #rrggbb."""

    is_on: bool
    sites: list[str]
    title: str
    greeting: str
    colour: str
    messages_per_day: int
    visitor_messages_per_day: int


def save_widget(*, member: Member, assistant: Assistant, settings: Settings) -> Widget:
    """The assistant's one widget, made or changed. Switched off, what visitors watch ends within a second.

    Raises FeatureNotIncluded, but for one that is there and is switched off.
    """
    now = timezone.now()
    with transaction.atomic():
        Assistant.objects.select_for_update().get(id=assistant.id)
        before = Widget.objects.filter(assistant=assistant).first()
        if before is None or settings.is_on:
            features.require(member.workspace_id, Feature.EMBED)
        widget, _ = Widget.objects.update_or_create(
            assistant=assistant,
            defaults={**asdict(settings), "updated_at": now},
            create_defaults={
                **asdict(settings), "updated_at": now, "created_at": now, "created_by_id": member.user_id,
            },
        )  # fmt: skip
        _limit(member, widget)
        audit.record(
            "widget.saved",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("assistant", assistant.id),
            is_on=widget.is_on,
            fields=_changed(before, settings),
            sites=len(widget.sites),
        )
        if not widget.is_on:
            revocation.announce_on_commit("membership", str(widget.id))
    return widget


def _changed(before: Widget | None, settings: Settings) -> list[str]:
    names = asdict(settings)
    return sorted(name for name, value in names.items() if before is None or getattr(before, name) != value)


def _limit(member: Member, widget: Widget) -> None:
    spec = LimitSpec(
        Meter.MESSAGES,
        Window.DAY,
        widget.messages_per_day,
        subject_kind=SubjectKind.WIDGET,
        subject_id=str(widget.id),
    )
    limits.set_limit(
        workspace_id=member.workspace_id, spec=spec, source=Limit.Source.WORKSPACE, actor=member.actor
    )


def ask(
    *, door: Door, member: Member, text: str, conversation: Conversation | None, client_id: UUID | None
) -> Turn:
    """A visitor's question, held, run and charged to the workspace as every other. In the workspace.

    Raises EmptyMessage, MessageTooLong, AnswerRunning; UsedUp and NotServed for whatever else refuses it.
    """
    try:
        with transaction.atomic():
            limits.allow_visitor(
                workspace_id=member.workspace_id,
                visitor_id=member.user_id,
                messages_per_day=door.widget.visitor_messages_per_day,
            )
            if conversation is None:
                return chat.start_conversation(
                    member=member,
                    assistant=door.widget.assistant,
                    text=text,
                    client_id=client_id,
                    choices=Choices(uses_memory=False, widget=door.widget),
                )
            return chat.send_message(
                member=member,
                conversation=conversation,
                text=text,
                parent_id=_last_answer(conversation),
                client_id=client_id,
            )
    except QuotaExceeded as refusal:
        raise _used_up(refusal) from refusal
    except errors.DomainError as refusal:
        if refusal.code in THEIRS:
            raise
        raise NotServed() from refusal


def erase_talk(*, member: Member, talk: Conversation) -> None:
    """What a visitor asked and was answered, for good; its receipts stay, and tell nothing of it. Whoever looks after
    the workspace does so where a visitor asks for it. Raises StillRunning."""
    with transaction.atomic():
        row = Conversation.objects.select_for_update().filter(id=talk.id).first()
        if row is None:
            return
        library.refuse_running(row)
        erasing.erase_conversations(member.workspace_id, [row.id])
        audit.record(
            "widget.talk_erased",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("conversation", row.id),
            widget=row.widget_id,
        )


def _last_answer(conversation: Conversation) -> UUID | None:
    rows = conversation.messages.filter(role=Message.Role.ASSISTANT).order_by("-created_at", "-id")
    return rows.values_list("id", flat=True).first()


def _used_up(refusal: QuotaExceeded) -> errors.DomainError:
    """Without the workspace's figures, which are nobody's on its site."""
    lines = [line for line in refusal.data.get("limits", []) if line["subject"] in ("visitor", "widget")]
    if not lines:
        return NotServed()
    mine = [line for line in lines if line["subject"] == "visitor"]
    words = (
        "You have asked as much as this chat answers one visitor in a day."
        if mine
        else "This chat has answered as much as it may today."
    )
    line = (mine or lines)[0]
    return UsedUp(
        f"{words} Come back tomorrow.", data={"resets_at": line.get("resets_at"), "whose": line["subject"]}
    )
