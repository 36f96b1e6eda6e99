"""Billing periods: dates that keep the day of their anchor, or the month's last where there is none such."""

import calendar
from datetime import UTC, datetime

DAY = 86_400
FIXED = {"day": DAY, "week": 7 * DAY}


def nth(anchor: int, interval: str, count: int, n: int) -> int:
    """The boundary `n` periods after the anchor."""
    if interval in FIXED:
        return anchor + n * count * FIXED[interval]
    months = n * count * (12 if interval == "year" else 1)
    at = datetime.fromtimestamp(anchor, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp())


def next_after(anchor: int, moment: int, interval: str, count: int = 1) -> int:
    """The first boundary later than `moment`."""
    length = FIXED.get(interval, 31 * DAY if interval == "month" else 366 * DAY) * count
    n = max(0, (moment - anchor) // length)
    while nth(anchor, interval, count, n) <= moment:
        n += 1
    return nth(anchor, interval, count, n)


def day_name(moment: int) -> str:
    """As invoices say it: 5 Mar 2027."""
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at.day} {at:%b %Y}"
