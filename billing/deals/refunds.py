"""Giving money back for what could not be sold: a row says it is due, a task does it, whatever dies in between."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from billing import log
from billing.deals.models import DealReservation
from billing.stripe.client import PaymentRequestRefused, get_client, payment_errors
from config.errors import DomainError
from tenants import audit

logger = logging.getLogger(__name__)
State = DealReservation.State
BATCH = 50
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
ALREADY = "charge_already_refunded"


def refund_due(*, now: datetime | None = None) -> int:
    """Gives back what is due; returns how many. One that fails is tried again later and hinders no other."""
    at = now or timezone.now()
    rows = DealReservation.objects.filter(state=State.REFUND_DUE, next_attempt_at__lte=at)
    return sum(_refund(row, at) for row in rows.order_by("next_attempt_at")[:BATCH])


def _refund(row: DealReservation, now: datetime) -> bool:
    try:
        refund_id = _ask(row)
    except DomainError as error:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts, 10))
        due = DealReservation.objects.filter(id=row.id, state=State.REFUND_DUE)
        due.update(attempts=row.attempts + 1, next_attempt_at=now + wait)
        logger.error("a refund failed", extra={"reservation_id": str(row.id), "code": error.code})
        return False
    with transaction.atomic():
        due = DealReservation.objects.filter(id=row.id, state=State.REFUND_DUE)
        if not due.update(state=State.REFUNDED, refund_id=refund_id, resolved_at=now):
            return False
        data: dict[str, Any] = {
            "deal": row.deal_key,
            "amount_minor": row.amount_minor,
            "reason": row.refund_reason,
        }
        log.record("deal.refunded", workspace_id=row.workspace_id, cause=refund_id, **data)
        target = ("deal", row.id)
        audit.record(
            "deal.refunded", actor=audit.SYSTEM, workspace_id=row.workspace_id, target=target, **data
        )
    return True


def _ask(row: DealReservation) -> str:
    """The refund's id. One that was made before and not noted is found by its key, or later by the refusal of a
    second one: a payment is given back in whole, and so only once."""
    client = get_client()
    with payment_errors():
        session = client.v1.checkout.sessions.retrieve(row.session_id)
    params: Any = {"payment_intent": str(session.payment_intent), "metadata": {"reservation_id": str(row.id)}}
    try:
        with payment_errors():
            return client.v1.refunds.create(params, {"idempotency_key": f"deal-refund-{row.id}"}).id
    except PaymentRequestRefused as error:
        if error.data.get("reason") != ALREADY:
            raise
        return ""
