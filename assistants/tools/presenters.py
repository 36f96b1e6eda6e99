"""Tool calls as pages show them."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.models import Run, ToolCall
from assistants.tools import queries, registry

STATES = {
    "done": "Done",
    "failed": "Failed",
    "refused": "Refused",
    "waiting": "Waits for you",
    "running": "Running",
    "interrupted": "Interrupted",
}
QUESTIONS = {"web_page": "May it read this page?"}


@dataclass(frozen=True)
class CallView:
    """`argument`: what it was called with, as a line; `approve_url` is set while the viewer is asked."""

    id: UUID
    title: str
    state: str
    label: str
    argument: str
    result: str
    question: str = ""
    tool: str = ""
    approve_url: str = ""
    refuse_url: str = ""


def calls_of(request: MemberRequest, runs: list[Run]) -> dict[UUID, list[CallView]]:
    """run → its calls. One query at most."""
    found = queries.calls_of(runs)
    by_id = {run.id: run for run in runs}
    return {run_id: [view(request, call, by_id[run_id]) for call in calls] for run_id, calls in found.items()}


def view(request: MemberRequest, call: ToolCall, run: Run) -> CallView:
    """`run`: the latest one of the answer that the call belongs to."""
    tool = registry.TOOLS.get(call.tool)
    is_over = run.is_final and call.state == ToolCall.State.RUNNING
    state = "interrupted" if is_over else call.state
    is_asked = call.state == "waiting" and request.member.can_chat and run.owner_id == request.member.user_id
    where = {"call_id": call.id}
    return CallView(
        id=call.id,
        title=tool.title if tool else call.tool,
        state=state,
        label=STATES[state],
        argument=argument_of(call.arguments),
        result=call.result,
        question=QUESTIONS.get(call.tool, "May it do this?"),
        tool=call.tool,
        approve_url=page_url(request, "tool-approve", **where) if is_asked else "",
        refuse_url=page_url(request, "tool-refuse", **where) if is_asked else "",
    )


def argument_of(text: str) -> str:
    """The values alone where they are texts; else as the model wrote it."""
    try:
        value: Any = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and all(isinstance(part, str) for part in value.values()):
        return ", ".join(value.values())
    return text


def choices(request: MemberRequest) -> list[dict[str, Any]]:
    return [
        {
            "assistant": row.assistant.name,
            "name": row.tool,
            "tool": registry.TOOLS[row.tool].title if row.tool in registry.TOOLS else row.tool,
            "answer": row.answer,
            "updated_at": row.updated_at,
            "forget_url": page_url(request, "tool-choice-forget", assistant_id=row.assistant_id),
        }
        for row in queries.list_choices(request.member)
    ]
