"""What a tool is."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists

from assistants.models import Assistant, Conversation, Run


class ToolFailed(Exception):  # noqa: N818  reads as what happened
    """The tool has no result. `code` for pages, `message` for the model and the person: never another's text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class ToolContext:
    """For whom a tool works. `zone`: the workspace's time zone. `stopped` is set when the run ended meanwhile: a tool
    that takes long looks at it. `numbers`: passages that this answer has already, by id: what it cites them by."""

    workspace_id: UUID
    person_id: UUID
    zone: str
    assistant: Assistant | None = None
    conversation: Conversation | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    numbers: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """`used`: what the answer's page lists, as blocks of a prompt tell it (assistants/prompting/types.py)."""

    text: str
    used: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Tool:
    """`description` is for people, `told` for the model; `parameters`: JSON schema of the arguments.

    `asks`: the person is asked before each call. `is_data`: its result was written by others and goes in marked.
    `uses_database`: it runs inside the workspace. `run` gets arguments that fit the schema, raises ToolFailed, and is
    called in a thread, outside a transaction.
    """

    name: str
    title: str
    description: str
    told: str
    parameters: dict[str, Any]
    run: Callable[[ToolContext, dict[str, Any]], str | Result]
    asks: bool = False
    is_data: bool = False
    uses_database: bool = False

    @property
    def definition(self) -> dict[str, Any]:
        """As the provider is told of it."""
        function = {"name": self.name, "description": self.told, "parameters": self.parameters}
        return {"type": "function", "function": function}


CONTINUES = "continues"
"""Of a run's request: ids of the runs of the same answer that it goes on from, in order."""


@dataclass(frozen=True)
class Toolbox:
    """`allowed`: names of asking tools that the person allowed for good. `can_ask`: whether there is a page to ask on.

    `continues`: earlier runs of this answer; their approved calls are carried out before the model is asked on.
    """

    context: ToolContext
    tools: dict[str, Tool]
    allowed: frozenset[str] = frozenset()
    can_ask: bool = True
    continues: tuple[UUID, ...] = ()
    first_round: int = 1

    @property
    def last_round(self) -> int:
        """In which it must answer. Each continuation has one at least."""
        return max(settings.TOOL_ROUNDS, self.first_round)

    @property
    def definitions(self) -> list[dict[str, Any]]:
        return [tool.definition for tool in self.tools.values()]

    def must_ask(self, tool: Tool) -> bool:
        return tool.asks and tool.name not in self.allowed


@dataclass(frozen=True)
class Owner:
    """The attempt that writes."""

    workspace_id: UUID
    run_id: UUID
    attempt: int

    def is_present(self) -> Exists:
        return Exists(Run.objects.filter(id=self.run_id, attempt=self.attempt, state=Run.State.RUNNING))
