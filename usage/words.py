"""Amounts and limits in words, for pages. Refusals have theirs in `usage.holds.explain`."""

from datetime import datetime
from zoneinfo import ZoneInfo

from usage.holds import explain
from usage.models import Limit, SubjectKind, Window

METERS = explain.METER_WORDS
WINDOWS = {
    Window.DAY: "a day",
    Window.WEEK: "a week",
    Window.MONTH: "a month",
    Window.PERIOD: "a billing period",
    Window.TOTAL: "in total",
}
SUBJECTS = {
    SubjectKind.WORKSPACE: "Whole workspace",
    SubjectKind.PERSON: "Person",
    SubjectKind.API_KEY: "API key",
    SubjectKind.ASSISTANT: "Assistant",
    SubjectKind.PROJECT: "Project",
    SubjectKind.WIDGET: "Widget",
    SubjectKind.VISITOR: "Visitor",
    SubjectKind.PLATFORM: "Platform",
}
SOURCES = {
    Limit.Source.PLAN: "by the plan",
    Limit.Source.KEY: "by the key's maker",
    Limit.Source.WORKSPACE: "by this workspace",
    Limit.Source.STAFF: "by support",
}


def amount(meter: str, value: int) -> str:
    return explain.quantity(meter, value)


def local(instant: datetime, zone: str) -> str:
    """`1 December 2026, 00:00 (CET)`"""
    return instant.astimezone(ZoneInfo(zone)).strftime("%-d %B %Y, %H:%M (%Z)")
