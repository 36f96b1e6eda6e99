"""Rows of tool calls, for tests that play no run."""

from uuid import uuid4

from django.utils import timezone

from accounts.permissions import Member
from assistants.models import Run, ToolCall, ToolChoice


def make_call(run: Run, **fields) -> ToolCall:
    """One that waits for its person."""
    values = {
        "round": 1, "position": 0, "call_id": "call_1", "tool": "web_page", "state": "waiting",
        "arguments": '{"url": "https://example.com/refunds"}', "created_at": timezone.now(),
    }  # fmt: skip
    return ToolCall.objects.create(run=run, **values | fields)


def sweepable(member: Member, run: Run) -> dict[str, object]:
    """With a standing decision about a tool that nobody else decided on."""
    tool = f"tool-{uuid4().hex[:8]}"
    ToolChoice.objects.create(
        person_id=member.user_id,
        assistant_id=run.assistant_id,
        tool=tool,
        answer="never",
        updated_at=timezone.now(),
    )
    return {"call": make_call(run).id, "tool": tool}
