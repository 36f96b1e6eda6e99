"""Windows as pure functions of (window, workspace timezone, anchor, instant). Nothing is ever reset.

A window is named by the local date on which it began. An instant has exactly one local date in a zone, also when
clocks change, so it lies in exactly one window of each kind.
"""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from usage.models import Window

EPOCH = date(1970, 1, 1)


def starts(*, zone: str, at: datetime, anchor_day: int = 1) -> dict[str, date]:
    """The first local date of each kind of window at `at`. Weeks begin on Monday (ISO 8601).

    `anchor_day` (1-31) is the day of the month on which billing periods begin; in shorter months their last day.
    """
    return _starts(at.astimezone(ZoneInfo(zone)).date(), anchor_day)


def _starts(today: date, anchor_day: int) -> dict[str, date]:
    return {
        Window.DAY: today,
        Window.WEEK: today - timedelta(days=today.weekday()),
        Window.MONTH: today.replace(day=1),
        Window.PERIOD: _period_start(today, anchor_day),
        Window.TOTAL: EPOCH,
    }


Named = dict[str, list[str]]
"""window → [local date on which it began, instant at which it began], both in ISO 8601."""


def named(*, zone: str, at: datetime, anchor_day: int = 1) -> Named:
    """The windows at `at` as `usage_open_hold` takes them."""
    return _named(zone, at.astimezone(ZoneInfo(zone)).date(), anchor_day)


@lru_cache(maxsize=4096)
def _named(zone: str, today: date, anchor_day: int) -> Named:
    return {
        window: [start.isoformat(), first_moment(start, zone).isoformat()]
        for window, start in _starts(today, anchor_day).items()
    }


def next_start(window: str, start: date, *, anchor_day: int = 1) -> date | None:
    """The local date on which the following window begins; None for `total`."""
    if window == Window.DAY:
        return start + timedelta(days=1)
    if window == Window.WEEK:
        return start + timedelta(days=7)
    if window == Window.MONTH:
        return _month_after(start).replace(day=1)
    if window == Window.PERIOD:
        return _anchored(_month_after(start), anchor_day)
    return None


def resets_at(window: str, start: date, *, zone: str, anchor_day: int = 1) -> datetime | None:
    """The instant (UTC) at which the window ends: the first moment of the next one's date in the zone."""
    following = next_start(window, start, anchor_day=anchor_day)
    return None if following is None else first_moment(following, zone)


def first_moment(day: date, zone: str) -> datetime:
    """The earliest instant whose local date is `day`.

    Local midnight may come twice: fold=0 is the first. It may not exist: fold=0 then reads it with the offset before
    the gap, which is exactly the instant of the jump (PEP 495).
    """
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _period_start(today: date, anchor_day: int) -> date:
    this_month = _anchored(today, anchor_day)
    if this_month <= today:
        return this_month
    return _anchored(today.replace(day=1) - timedelta(days=1), anchor_day)


def _anchored(month: date, anchor_day: int) -> date:
    return month.replace(day=min(anchor_day, calendar.monthrange(month.year, month.month)[1]))


def _month_after(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
