"""Chats on other sites, made in the open workspace."""

from uuid import uuid4

from django.utils import timezone

from accounts.permissions import Member
from assistants.models import Assistant, Conversation
from assistants.widget import services
from assistants.widget.services import Settings

SITE = "https://www.example.com"


def settings_of(**fields) -> Settings:
    made = {
        "is_on": True, "sites": [SITE], "title": "Ask us", "greeting": "Hello!", "colour": "#0b6650",
        "messages_per_day": 5, "visitor_messages_per_day": 3,
    } | fields  # fmt: skip
    return Settings(**made)


def talk(member: Member, assistant: Assistant, title: str) -> Conversation:
    """What a visitor once said there."""
    widget = services.save_widget(member=member, assistant=assistant, settings=settings_of(title=title[:60]))
    return Conversation.objects.create(
        owner_id=uuid4(), assistant=assistant, title=title, widget=widget, updated_at=timezone.now()
    )
