"""Telling the payment service: one event for each report, under its own identifier and with the usage's own time.

The payment service refuses an identifier that it knows, which is what makes a second try harmless, but it remembers one
for a day only. So whatever is not clear after that is flagged, and cleared by asking what was counted.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import stripe
from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from billing.metering import summaries
from billing.metering.models import MeterReport
from billing.stripe.client import (
    PaymentRequestRefused,
    PaymentServiceUnavailable,
    get_client,
    payment_errors,
)

logger = logging.getLogger(__name__)
State = MeterReport.State
BATCH = 2000
OLDEST = timedelta(days=35) - timedelta(hours=1)
"""The payment service takes no event that is older."""
REMEMBERED = timedelta(hours=23)
LEASE = timedelta(minutes=5)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
GIVE_UP_AFTER = 3
TOO_OLD, UNCLEAR, REFUSED = "too_old", "unclear", "refused"


@dataclass
class Progress:
    sent: int = 0
    flagged: int = 0
    failed: int = 0


def send_due(*, now: datetime, most: int = BATCH) -> Progress:
    """Tells what is due, oldest first. After three failures in a row the rest waits for the next time."""
    rows = MeterReport.objects.filter(state=State.PENDING, next_attempt_at__lte=now)
    progress, in_a_row = Progress(), 0
    for row in rows.order_by("next_attempt_at", "entry_id")[:most]:
        outcome = _send(row, now)
        progress.sent += outcome == State.SENT
        progress.flagged += outcome == State.FLAGGED
        progress.failed += outcome == "failed"
        in_a_row = in_a_row + 1 if outcome == "failed" else 0
        if in_a_row >= GIVE_UP_AFTER:
            break
    if progress.sent or progress.failed or progress.flagged:
        logger.info("usage was told", extra=vars(progress))
    return progress


def _send(row: MeterReport, now: datetime) -> str:
    """sent | flagged | failed | taken (by another task)."""
    if now - row.used_at > OLDEST:
        return _flag(row, TOO_OLD)
    if row.first_attempt_at is not None and now - row.first_attempt_at > REMEMBERED:
        return _flag(row, UNCLEAR)
    claimed = MeterReport.objects.filter(
        identifier=row.identifier, state=State.PENDING, attempts=row.attempts
    ).update(
        attempts=F("attempts") + 1,
        first_attempt_at=Coalesce("first_attempt_at", now),
        next_attempt_at=now + LEASE,
    )
    if not claimed:
        return "taken"
    try:
        _tell(row)
    except PaymentServiceUnavailable:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts, 10))
        _pending(row).update(next_attempt_at=now + wait)
        return "failed"
    except PaymentRequestRefused as error:
        is_old = error.data.get("reason") == "timestamp_too_far_in_past"
        return _flag(row, TOO_OLD if is_old else REFUSED)
    _pending(row).update(state=State.SENT, sent_at=now, next_attempt_at=None)
    return State.SENT


def _pending(row: MeterReport) -> Any:
    return MeterReport.objects.filter(identifier=row.identifier, state=State.PENDING)


def _flag(row: MeterReport, flag: str) -> str:
    if _pending(row).update(state=State.FLAGGED, flag=flag, next_attempt_at=None):
        logger.error("usage could not be told", extra={"identifier": row.identifier, "flag": flag})
    return State.FLAGGED


def _tell(row: MeterReport) -> None:
    """An event that is known already is told. Raises what `payment_errors` raises."""
    params: Any = {
        "event_name": row.event_name,
        "identifier": row.identifier,
        "timestamp": int(row.used_at.timestamp()),
        "payload": {"stripe_customer_id": row.customer_id, "value": str(row.value)},
    }
    with payment_errors():
        try:
            get_client().v1.billing.meter_events.create(params)
        except stripe.InvalidRequestError as error:
            if not _is_known(error):
                raise


def _is_known(error: stripe.InvalidRequestError) -> bool:
    """The payment service gives this refusal no code of its own."""
    text = str(error.user_message or "").lower()
    return error.code == "duplicate_meter_event" or "event already exists with identifier" in text


# what is not clear after a day


def clear_unclear() -> int:
    """Asks what was counted in the minute of each unclear report; returns how many were cleared.

    All of a minute were counted, or none: then they are told, or told anew. Anything between stays for staff.
    """
    rows = MeterReport.objects.filter(state=State.FLAGGED, flag=UNCLEAR).order_by("used_at")[:BATCH]
    minutes: dict[tuple[UUID, str, str, datetime], list[MeterReport]] = {}
    for row in rows:
        minute = row.used_at.replace(second=0, microsecond=0)
        minutes.setdefault((row.workspace_id, row.customer_id, row.event_name, minute), []).append(row)
    return sum(
        _clear(customer, event, minute, found) for (_, customer, event, minute), found in minutes.items()
    )


def _clear(customer_id: str, event: str, minute: datetime, unclear: Iterable[MeterReport]) -> int:
    ends_at = minute + timedelta(minutes=1)
    try:
        counted = summaries.counted(customer_id=customer_id, event=event, begins_at=minute, ends_at=ends_at)
    except (PaymentServiceUnavailable, PaymentRequestRefused):
        return 0
    known = MeterReport.objects.filter(
        customer_id=customer_id, event_name=event, used_at__gte=minute, used_at__lt=ends_at, state=State.SENT
    ).aggregate(total=Sum("value", default=0))["total"]
    rows = list(unclear)
    ours = MeterReport.objects.filter(identifier__in=[row.identifier for row in rows], state=State.FLAGGED)
    if counted == known + sum(row.value for row in rows):
        return ours.update(state=State.SENT, flag="", sent_at=Coalesce("sent_at", "first_attempt_at"))
    if counted == known:
        again = {"state": State.PENDING, "flag": "", "attempts": 0, "first_attempt_at": None}
        return ours.update(**again, next_attempt_at=F("used_at"))
    return 0
