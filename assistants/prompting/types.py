"""What a prompt is built for, and of what."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from assistants.models import Assistant, Conversation, Message


@dataclass(frozen=True)
class Ask:
    """`answer`: the message that is to be written, under its question. `question`: that question's text.

    `told`: chat messages up to the question, where they stand in no conversation (the test of a draft, a program's).
    `model`: that is asked, where it is not the assistant's present one.
    """

    person_id: UUID
    assistant: Assistant | None
    conversation: Conversation | None = None
    answer: Message | None = None
    question: str = ""
    told: tuple[dict[str, Any], ...] = ()
    model: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """The one that is asked, and those that may answer instead."""
        if self.assistant is None:
            return (self.model,)
        return (self.model or self.assistant.model, *self.assistant.fallback_models)


@dataclass(frozen=True)
class Block:
    """A part of the prompt besides instructions and history.

    `is_trusted`: written by the workspace's people for the assistant. Everything else (documents, pages, what a model
    extracted) is data: it stands between marks (`<memory …>`, `<document …>`) that it cannot end, since `<` and `&` in
    it are escaped. `used`: what the answer's page lists, each with `kind` and `id`.
    `left_out`: how much of what was found did not fit.
    """

    name: str
    text: str
    is_trusted: bool = False
    used: list[dict[str, Any]] = field(default_factory=list)
    left_out: int = 0


@dataclass(frozen=True)
class Draft:
    """A prompt before its blocks are found. `reserved_tokens`: the most that they may take."""

    messages: list[dict[str, Any]]
    reserved_tokens: int


@dataclass(frozen=True)
class Prompt:
    """`context`: what pages tell of it (`Run.context`): used, left out."""

    messages: list[dict[str, Any]]
    context: dict[str, Any]
