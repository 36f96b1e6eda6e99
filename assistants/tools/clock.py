"""What day and what time it is where the workspace is."""

from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from assistants.tools.types import Tool, ToolContext


def _run(context: ToolContext, arguments: dict[str, Any]) -> str:
    now = timezone.now().astimezone(ZoneInfo(context.zone))
    week = now.isocalendar().week
    return (
        f"{now:%A, %Y-%m-%d %H:%M} in {context.zone} (UTC{now:%z}), week {week} of {now.isocalendar().year}"
    )


TOOL = Tool(
    name="clock",
    title="Date and time",
    description="Knows what day it is where the workspace is.",
    told="Tells the present date, weekday and time in the workspace's time zone. Use it before you reckon with dates.",
    parameters={"type": "object", "properties": {}, "additionalProperties": False},
    run=_run,
)
