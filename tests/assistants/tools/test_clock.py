"""What time it is where the workspace is."""

from datetime import UTC, datetime
from uuid import uuid4

from django.utils import timezone

from assistants.tools.clock import TOOL
from assistants.tools.types import ToolContext


def test_time_is_that_of_the_workspace(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    told = TOOL.run(ToolContext(uuid4(), uuid4(), "Asia/Tokyo"), {})
    assert told == "Friday, 2027-01-01 08:30 in Asia/Tokyo (UTC+0900), week 53 of 2026"
