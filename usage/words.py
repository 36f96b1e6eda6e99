"""Amounts and limits in words, for pages. Refusals have theirs in `usage.holds.explain`."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from usage.holds import explain
from usage.models import Limit, Meter, SubjectKind, Window

METERS = {**explain.METER_WORDS, Meter.COST_MICRO: "spend"}
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
    SubjectKind.PLATFORM: "Platform",
}
SOURCES = {
    Limit.Source.PLAN: "by the plan",
    Limit.Source.KEY: "by the key's maker",
    Limit.Source.WORKSPACE: "by this workspace",
    Limit.Source.STAFF: "by support",
}


def money(micro: int) -> str:
    """`$12.34`; below a unit as many digits as it needs, at least two: `$0.0042`."""
    exact = Decimal(abs(micro)).scaleb(-6)
    sign = "-" if micro < 0 else ""
    if abs(micro) >= 1_000_000 or not micro:
        return f"{sign}${exact:,.2f}"
    digits = max(2, -int(exact.normalize().as_tuple().exponent))
    return f"{sign}${exact:.{digits}f}"


def amount(meter: str, value: int) -> str:
    return money(value) if meter == Meter.COST_MICRO else explain.quantity(meter, value)


def local(instant: datetime, zone: str) -> str:
    """`1 December 2026, 00:00 (CET)`"""
    return instant.astimezone(ZoneInfo(zone)).strftime("%-d %B %Y, %H:%M (%Z)")
