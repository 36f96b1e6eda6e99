"""What can be chosen for an assistant: models and tools."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from accounts.permissions import Member
from assistants.tools import registry
from assistants.tools.types import Tool


@dataclass(frozen=True)
class Model:
    """`refusal`: why it cannot be chosen now; empty when it can."""

    name: str
    label: str
    refusal: str = ""


def tools() -> tuple[Tool, ...]:
    return tuple(registry.TOOLS.values())


def models(member: Member, present: Iterable[str] = ()) -> list[Model]:
    """Those on offer, then those `present` that are offered no more: an assistant keeps what it has."""
    found = [Model(name, name) for name in settings.CHAT_MODELS]
    known = {each.name for each in found}
    return found + [Model(name, name) for name in dict.fromkeys(present) if name and name not in known]
