"""`GET /v1/models`: what this workspace may ask, the platform's models and its own, and its assistants."""

from typing import Any

from django.conf import settings

from accounts.permissions import Member
from assistants.builder import queries as builder_queries
from assistants.llm import catalogue
from assistants.openai import bodies, requests

Row = dict[str, Any]


def rows(member: Member) -> list[Row]:
    """Models that answer chats first, then those for vectors, pictures and sound, then assistants."""
    choices = [row for row in catalogue.list_choices(member) if not row.refusal]
    found = [_row(row.name, "workspace" if row.is_own else "platform") for row in choices]
    if catalogue.is_allowed(member.workspace_id, catalogue.platform("")):
        found += [_row(name, "platform") for name in _others()]
    found += [
        _row(f"{requests.ASSISTANT_MARK}{row.slug}", "workspace", int(row.created_at.timestamp()))
        for row in builder_queries.list_assistants(member)
    ]
    return found


def get(member: Member, name: str) -> Row:
    """Raises ModelNotFound."""
    for row in rows(member):
        if row["id"] == name:
            return row
    raise bodies.not_here(name)


def _others() -> list[str]:
    named = (
        settings.EMBEDDING_MODELS,
        settings.IMAGE_MODELS,
        settings.SPEECH_MODELS,
        settings.TRANSCRIPTION_MODELS,
    )
    known = dict.fromkeys(name for group in named for name in group)
    return [name for name in known if name not in settings.CHAT_MODELS]


def _row(name: str, owner: str, created: int = 0) -> Row:
    return {"id": name, "object": "model", "created": created, "owned_by": owner}
