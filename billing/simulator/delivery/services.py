"""Webhooks: each event is POSTed until it is taken, by a plan of its own, so that none waits for another.

The plan stands in the books beside the events, as rows of kind `delivery` under the event's id: `status` is waiting,
done or failed, `created` the instant of the next attempt by the real clock. An event that is `pending` has no plan yet.
"""

import json
import logging
from dataclasses import dataclass

from billing.simulator.core.errors import Json
from billing.simulator.delivery import posting, signatures
from billing.simulator.store import Books, Row, Store

logger = logging.getLogger(__name__)

KIND = "delivery"
WAITING, DONE, FAILED = "waiting", "done", "failed"
PENDING, TAKEN, DELIVERED = "pending", "taken", "delivered"
AT_ONCE = 100
# Seconds until the next attempt, then every hour, up to three days in all, as Stripe does in test mode or longer.
PAUSES_S = (1, 2, 5, 15, 60, 300, 1800, 3600)
MOST_ATTEMPTS = 80
# Longer than an attempt can take: who claimed an event and died gives it back by this.
LEASE_S = 60


@dataclass(frozen=True)
class Claim:
    event_id: str
    type: str
    body: bytes
    attempt: int


def deliver_next(store: Store, *, url: str, secret: str, now: int) -> bool:
    """One attempt for the event that has waited longest; False when none is due. No transaction is open meanwhile."""
    with store.transaction() as books:
        claim = _claim(books, now=now)
    if claim is None:
        return False
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (simulated)",
        signatures.HEADER: signatures.sign(claim.body, secret=secret, at=now),
    }
    status = posting.post(url, claim.body, headers)
    with store.transaction() as books:
        _settle(books, claim, status=status, now=now)
    return True


def count_waiting(books: Books) -> int:
    return len(books.find(KIND, statuses=(WAITING,))) + len(books.find("event", statuses=(PENDING,)))


def state_of(books: Books, event_id: str) -> Json:
    """`state`, `attempts` and the last answer's `status` of an event; waiting when it was not tried yet."""
    row = books.get(KIND, event_id)
    if row is None:
        return {"state": WAITING, "attempts": 0, "status": 0}
    return {"state": row.status, "attempts": row.meta["attempts"], "status": row.meta["status"]}


def hurry(books: Books, *, now: int) -> None:
    """What waits, and what was given up, is tried again at once."""
    for row in books.find(KIND, statuses=(WAITING, FAILED)):
        row.status, row.created = WAITING, now
        row.meta["attempts"] = 0
        books.write(row)


def _claim(books: Books, *, now: int) -> Claim | None:
    _take_over(books, now=now)
    due = books.find(KIND, statuses=(WAITING,), created_to=now, oldest_first=True, limit=1)
    if not due:
        return None
    row = due[0]
    event = books.get("event", row.id)
    if event is None:
        books.remove(KIND, row.id)
        return _claim(books, now=now)
    row.created = now + LEASE_S
    row.meta["attempts"] += 1
    books.write(row)
    return Claim(row.id, event.data["type"], json.dumps(event.data).encode(), row.meta["attempts"])


def _take_over(books: Books, *, now: int) -> None:
    for event in books.find("event", statuses=(PENDING,), oldest_first=True, limit=AT_ONCE):
        _mark(books, event, TAKEN)
        meta = {"attempts": 0, "status": 0}
        books.write(Row(KIND, event.id, {}, meta, status=WAITING, created=now))


def _mark(books: Books, event: Row, state: str) -> None:
    event.meta["delivery"] = event.status = state
    books.write(event)


def _settle(books: Books, claim: Claim, *, status: int, now: int) -> None:
    row = books.get(KIND, claim.event_id)
    if row is None or row.meta["attempts"] != claim.attempt:
        return  # the books were cleared, or a later attempt has it
    row.meta["status"] = status
    event = books.get("event", claim.event_id)
    if 200 <= status < 300:
        row.status = DONE
        if event is not None:
            event.data["pending_webhooks"] = 0
            _mark(books, event, DELIVERED)
    elif claim.attempt >= MOST_ATTEMPTS:
        row.status = FAILED
    else:
        row.created = now + PAUSES_S[min(claim.attempt, len(PAUSES_S)) - 1]
    if row.status != DONE:
        logger.warning(
            "a simulated webhook was not taken",
            extra={
                "event_id": claim.event_id,
                "type": claim.type,
                "status": status,
                "attempt": claim.attempt,
            },
        )
    books.write(row)
