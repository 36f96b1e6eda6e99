"""Amounts that a meter could not take, on the next invoice instead.

The payment service adds what is corrected (below zero) to what is used, and charges nothing for a period whose sum is
below zero: what is left over would be lost to the customer. It becomes a credit on the next invoice, once.
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, Sum

from billing import log
from billing.metering import rates
from billing.metering.models import Carry, MeteredSpan, MeterReport
from billing.stripe.client import get_client, payment_errors
from billing.stripe.state import plain
from billing.subscriptions.models import BillingAccount
from config.errors import DomainError
from tenants import audit

logger = logging.getLogger(__name__)
State = Carry.State
SETTLED_AFTER = timedelta(hours=2)
"""So long after its end a period's reports are awaited: its invoice is a draft for an hour."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
PAGE, BATCH = 100, 50


def look_at_periods(*, now: datetime) -> int:
    """For each period that has ended: a credit for each meter whose sum is below zero. Returns how many."""
    rows = MeteredSpan.objects.filter(Q(ends_at=None) | Q(period_start__lt=F("ends_at")))
    return sum(_look(span_id, now) for span_id in rows.values_list("id", flat=True))


def _look(span_id: int, now: datetime) -> int:
    with transaction.atomic():
        span = MeteredSpan.objects.select_for_update().get(id=span_id)
        account = BillingAccount.objects.filter(workspace_id=span.workspace_id).first()
        begins_at = account.period_start if account else None
        is_same = account is not None and account.subscription_id == span.subscription_id
        ends_at = min(filter(None, (span.ends_at, begins_at if is_same else None)), default=None)
        if ends_at is None or ends_at <= span.period_start or now < ends_at + SETTLED_AFTER:
            return 0
        made = sum(_credit(span, meter, ends_at) for meter in span.meters)
        span.period_start = ends_at
        span.save(update_fields=["period_start"])
    return made


def _credit(span: MeteredSpan, meter: str, ends_at: datetime) -> bool:
    rows = MeterReport.objects.filter(
        workspace_id=span.workspace_id, customer_id=span.customer_id, meter=meter, state=MeterReport.State.SENT,
        used_at__gte=span.period_start, used_at__lt=ends_at,
    )  # fmt: skip
    units = rows.aggregate(total=Sum("value", default=0))["total"]
    amount = rates.minor_of(units, span.meters[meter]["per_million"])
    if amount >= 0:
        return False
    key = f"{span.workspace_id}:{meter}:{span.period_start:%Y%m%dT%H%M%S}"
    return _carry(key, span.workspace_id, span.customer_id, amount, span.currency, "Corrected usage")


def _carry(key: str, workspace_id: UUID, customer_id: str, amount: int, currency: str, text: str) -> bool:
    """In the transaction of what it carries."""
    _, is_new = Carry.objects.get_or_create(
        key=key,
        defaults={
            "workspace_id": workspace_id,
            "customer_id": customer_id,
            "amount_minor": amount,
            "currency": currency,
            "description": text,
        },
    )
    if is_new:
        log.record("usage.carried", workspace_id=workspace_id, amount_minor=amount, what=text)
    return is_new


def settle_flagged(*, workspace_id: UUID, reason: str, actor: audit.Actor, now: datetime) -> Carry | None:
    """For staff: what could not be told goes on the next invoice. None when nothing is flagged."""
    with transaction.atomic():
        rows = list(
            MeterReport.objects.select_for_update().filter(
                workspace_id=workspace_id, state=MeterReport.State.FLAGGED
            )
        )
        spans = MeteredSpan.objects.filter(workspace_id=workspace_id).order_by("-begins_at")
        span = spans.first()
        if not rows or span is None:
            return None
        units: dict[int, int] = {}
        for row in rows:
            terms = next((one.meters[row.meter] for one in spans if row.meter in one.meters), None)
            price = terms["per_million"] if terms else 0
            units[price] = units.get(price, 0) + row.value
        amount = sum(rates.minor_of(total, price) for price, total in units.items())
        key = f"{workspace_id}:flagged:{now:%Y%m%dT%H%M%S%f}"
        _carry(key, workspace_id, span.customer_id, amount, span.currency, "Usage of earlier periods")
        ids = [row.identifier for row in rows]
        MeterReport.objects.filter(identifier__in=ids).update(state=MeterReport.State.SETTLED)
        audit.record(
            "usage.flagged_settled", actor=actor, workspace_id=workspace_id, target=("workspace", workspace_id),
            reason=reason, amount_minor=amount, reports=len(rows),
        )  # fmt: skip
    return Carry.objects.get(key=key)


def invoice_due(*, now: datetime) -> int:
    """Puts what is carried on the next invoices; returns how many. One that fails is tried again later."""
    rows = Carry.objects.filter(state=State.PENDING).exclude(next_attempt_at__gt=now)
    return sum(_invoice(row, now) for row in rows.order_by("created_at")[:BATCH])


def _invoice(row: Carry, now: datetime) -> bool:
    was_begun = row.begun_at is not None
    pending = Carry.objects.filter(key=row.key, state=State.PENDING)
    if row.amount_minor == 0:
        return bool(pending.update(state=State.INVOICED))
    if not was_begun:
        pending.filter(begun_at=None).update(begun_at=now)
    try:
        item_id = (_find(row) if was_begun else "") or _make(row)
    except DomainError as error:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts, 10))
        pending.update(attempts=row.attempts + 1, next_attempt_at=now + wait)
        logger.error("carried usage is on no invoice", extra={"carry": row.key, "code": error.code})
        return False
    return bool(pending.update(state=State.INVOICED, item_id=item_id))


def _find(row: Carry) -> str:
    """What an earlier attempt may have made, and nobody noted."""
    with payment_errors():
        listed = get_client().v1.invoice_items.list({"customer": row.customer_id, "limit": PAGE})
        for item in listed.auto_paging_iter():
            if (plain(item).get("metadata") or {}).get("carry") == row.key:
                return str(item.id)
    return ""


def _make(row: Carry) -> str:
    params: Any = {
        "customer": row.customer_id,
        "amount": row.amount_minor,
        "currency": row.currency,
        "description": row.description,
        "metadata": {"carry": row.key},
    }
    with payment_errors():
        return get_client().v1.invoice_items.create(params, {"idempotency_key": f"carry-{row.key}"}).id
