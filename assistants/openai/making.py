"""What `/v1/` makes besides chat: the run of a call, and its answer once the worker has it (runs/making.py)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from accounts.permissions import Member
from assistants.llm.calls import Answer
from assistants.models import Run
from assistants.openai import responder
from assistants.runs import endings, measures, parcels
from assistants.runs.turns import CALL
from config.streaming import Deferred

Render = Callable[[Answer, Run], HttpResponseBase]


@dataclass(frozen=True)
class Making:
    """A call as it was read. `body`: as the provider gets it; `pieces`: meter → the most that it may make;
    `upload`: the file that goes with it, in the storage of files."""

    kind: Run.Kind
    model: str
    path: str
    body: dict[str, Any]
    prompt: list[dict[str, Any]] = field(default_factory=list)
    reserved_tokens: int = 0
    pieces: dict[str, int] = field(default_factory=dict)
    variant: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    upload: dict[str, str] = field(default_factory=dict)

    @property
    def request(self) -> dict[str, Any]:
        """What of `Run.request` the worker reads."""
        facts = {**self.facts, measures.HELD: self.pieces, measures.VARIANT: self.variant}
        return {CALL: {"path": self.path, "body": self.body, "facts": facts, **self.upload}}


def respond(member: Member, run: Run, render: Render) -> Deferred:
    """Waits without a thread or a connection for the end of the run."""
    return Deferred(lambda: _answer(member, run, render))


async def _answer(member: Member, run: Run, render: Render) -> HttpResponseBase:
    ended = await responder.ended(member, run.id)
    if not isinstance(ended, Run):
        return ended
    return await asyncio.to_thread(_render, member, ended, render)


def _render(member: Member, ended: Run, render: Render) -> HttpResponseBase:
    """Without the database."""
    fetch = parcels.look if parcels.KEPT_S in ended.request[CALL]["facts"] else parcels.take
    answer = fetch(workspace_id=member.workspace_id, run_id=ended.id, attempt=ended.attempt)
    if answer is None:
        return responder.lost(ended)
    response = render(answer, ended)
    for name, value in endings.cost_headers(endings.cost_of(ended)).items():
        response[name] = value
    return response


def as_it_came(answer: Answer, ended: Run) -> HttpResponse:
    return HttpResponse(answer.content, content_type=answer.content_type)
