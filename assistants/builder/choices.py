"""What can be chosen for an assistant: models and tools."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from accounts.permissions import Member


@dataclass(frozen=True)
class Tool:
    name: str
    title: str
    description: str


TOOLS = (
    Tool(
        "documents",
        "Search documents",
        "Looks things up in the files that it was given and in the asker’s own.",
    ),
    Tool("memory", "Search memory", "Looks up what it was told in former conversations."),
    Tool("calculator", "Calculator", "Reckons exactly, in the place of guessing."),
    Tool("web_page", "Read a web page", "Opens one public page. The asker is asked first."),
    Tool("clock", "Date and time", "Knows what day it is where the workspace is."),
)


@dataclass(frozen=True)
class Model:
    """`refusal`: why it cannot be chosen now; empty when it can."""

    name: str
    label: str
    refusal: str = ""


def tools() -> tuple[Tool, ...]:
    return TOOLS


def models(member: Member, present: Iterable[str] = ()) -> list[Model]:
    """Those on offer, then those `present` that are offered no more: an assistant keeps what it has."""
    found = [Model(name, name) for name in settings.CHAT_MODELS]
    known = {each.name for each in found}
    return found + [Model(name, name) for name in dict.fromkeys(present) if name and name not in known]
