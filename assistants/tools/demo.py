"""Answers that used tools, for the demo: one that reckoned, one that waits for its person."""

from django.utils import timezone

from accounts.permissions import Member
from assistants.chat import services as chat
from assistants.llm.usage import Usage
from assistants.models import Assistant, Run, ToolCall
from assistants.runs import services as runs
from assistants.runs.job import Outcome
from assistants.runs.rounds import APPROVAL
from usage.holds import services as holds

SUM, SUM_RESULT = '{"expression": "1250 * 1.19 - 40"}', "1447.5"
PAGE = '{"url": "https://www.postgresql.org/docs/current/release.html"}'


def seed(member: Member, assistant: Assistant) -> None:
    """In the member's workspace. The assistant may use both tools."""
    sum_of = "What is 1,250 with 19 % tax, less the 40 we paid?"
    turn = chat.start_conversation(member=member, assistant=assistant, text=sum_of)
    _end(turn.run, "calculator", SUM, "It is **1,447.50**.", result=SUM_RESULT)
    turn = chat.start_conversation(member=member, assistant=assistant, text="What is new in PostgreSQL?")
    _end(turn.run, "web_page", PAGE, "The release notes will tell.", result="")


def _end(run: Run | None, tool: str, arguments: str, text: str, *, result: str) -> None:
    claim = holds.claim(run.id) if run is not None else None
    if run is None or claim is None:
        return
    call = {"id": "call_demo", "type": "function", "function": {"name": tool, "arguments": arguments}}
    outcome = Outcome(
        text=text,
        tool_calls=[call],
        finish_reason="stop" if result else APPROVAL,
        answered_by=run.model,
        usage=Usage(run.input_tokens, 30, cached_tokens=0, reasoning_tokens=0),
    )
    runs.begin_run(run, attempt=claim.attempt, request=None)
    runs.finish_run(run_id=run.id, attempt=claim.attempt, outcome=outcome)
    now = timezone.now()
    ToolCall.objects.create(
        run=run, round=1, position=0, call_id="call_demo", tool=tool, arguments=arguments, result=result,
        state=ToolCall.State.DONE if result else ToolCall.State.WAITING, created_at=now,
        finished_at=now if result else None,
    )  # fmt: skip
