"""Days and counts in words."""

from datetime import datetime, timedelta

from usage import words


def day(instant: datetime | None, zone: str) -> str:
    """`1 December 2026`, as the workspace's calendar says it."""
    return words.local(instant, zone).split(",")[0] if instant else ""


def days_left(instant: datetime | None, now: datetime) -> int | None:
    """Begun days, so that the last one counts as one; None when it is over or there is none."""
    if instant is None or instant <= now:
        return None
    return -(-(instant - now) // timedelta(days=1))


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
