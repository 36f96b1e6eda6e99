"""The clock's page: moves of the service's time, and the events that came of them."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.simulator.core.desk import Desk
from billing.simulator.delivery import services as deliveries
from billing.simulator.hosted import words
from billing.simulator.hosted.words import Badge
from billing.simulator.transport import get_core

SHOWN = 50
RENEWING = ("active", "trialing", "past_due")
# A renewal's invoice stays a draft for an hour before it is charged.
AFTER_RENEWAL = timedelta(hours=1, minutes=1)


@dataclass(frozen=True)
class Move:
    value: str
    label: str


MOVES = (
    Move("day", "+1 day"),
    Move("week", "+7 days"),
    Move("month", "+1 month"),
    Move("renewal", "To the next renewal"),
)


@dataclass(frozen=True)
class EventRow:
    type: str
    at: datetime
    object_id: str
    badge: Badge


@dataclass(frozen=True)
class State:
    now: datetime
    real_now: datetime
    renewal: datetime | None
    events: list[EventRow]
    waiting: int


def read() -> State:
    with get_core().desk() as desk:
        renewal = _renewal_at(desk)
        return State(
            now=words.moment(desk.now),
            real_now=words.moment(int(time.time())),
            renewal=words.moment(renewal) if renewal else None,
            events=[_event(desk, row.data) for row in desk.books.find("event", limit=SHOWN)],
            waiting=deliveries.count_waiting(desk.books),
        )


def _event(desk: Desk, event: dict[str, object]) -> EventRow:
    inner = event["data"]["object"]  # type: ignore[index]  # an event's own shape
    state = deliveries.state_of(desk.books, str(event["id"]))["state"]
    return EventRow(
        type=str(event["type"]),
        at=words.moment(int(str(event["created"]))),
        object_id=str(inner.get("id") or ""),
        badge=words.DELIVERY_BADGES[state],
    )


def _renewal_at(desk: Desk) -> int:
    """The first end of a period, later than now; 0 without one."""
    ends = [
        item["current_period_end"]
        for row in desk.books.find("subscription", statuses=RENEWING)
        for item in row.data["items"]["data"]
    ]
    return min((end for end in ends if end > desk.now), default=0)


def move_on(move: str) -> bool:
    """All that falls due on the way happens. False when there is no such moment."""
    core = get_core()
    with core.desk() as desk:
        now, renewal = words.moment(desk.now), _renewal_at(desk)
    targets = {
        "day": now + timedelta(days=1),
        "week": now + timedelta(days=7),
        "month": month_after(now),
        "renewal": words.moment(renewal) + AFTER_RENEWAL if renewal else None,
    }
    target = targets.get(move)
    if target is None:
        return False
    core.advance(to=int(target.timestamp()))
    return True


def month_after(at: datetime) -> datetime:
    """The same day of the next month, or that month's last one."""
    year, month = divmod(at.year * 12 + at.month, 12)
    first_of_next = at.replace(year=year, month=month + 1, day=1)
    beyond = (first_of_next + timedelta(days=31)).replace(day=1)
    last_day = (beyond - timedelta(days=1)).day
    return first_of_next.replace(day=min(at.day, last_day))


def deliver_again() -> None:
    with get_core().desk() as desk:
        deliveries.hurry(desk.books, now=int(time.time()))
