"""The way of an event: verified, stored under its own id, answered; then a task looks at the customer it is about.

An event is a knock, not news: what it carries is never applied. Failed ones are tried again from the table.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from billing.erasure.redaction import minimised
from billing.stripe import adoption, mirror, sync
from billing.subscriptions.models import BillingAccount
from billing.webhooks import types
from billing.webhooks.models import WebhookEvent, WebhookRefusal
from billing.webhooks.verification import WebhookRefused, moment, verify
from config.errors import DomainError, NotFound
from tenants import audit

logger = logging.getLogger(__name__)
State = WebhookEvent.State

STORE = """
INSERT INTO billing_webhookevent
    (id, type, api_version, livemode, customer_id, object_id, payload, state, attempts, deliveries, error_code,
     occurred_at, received_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'received', 0, 1, '', %s, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET deliveries = billing_webhookevent.deliveries + 1
RETURNING deliveries
"""
BACKOFF = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 3 * 60, 6 * 60, 12 * 60, 24 * 60, 24 * 60)
)
"""How long after each failure it is tried again; after the last one only reconciliation and staff do."""
LEASE = timedelta(minutes=2)
"""Longer than the task may run: whoever holds an event is dead when it is over."""
UNSEEN = timedelta(minutes=1)
"""A received event that no task took by then lost its wake-up."""
MOST_REFUSALS_A_MINUTE = 120
KEPT = timedelta(days=90)
"""Longer than the payment service sends an event again."""


class WebhookEventNotFound(NotFound):
    code = "webhook_event_not_found"
    message = "There is no such event."


@dataclass(frozen=True)
class _Claim:
    event: WebhookEvent
    attempt: int


# taking a delivery


def receive(body: bytes, signature: str, *, now: datetime) -> WebhookEvent:
    """Stores a verified event once, whatever is delivered again, and has it processed after the commit.

    Raises WebhookRefused, which is noted.
    """
    try:
        event = verify(body, signature, now=now)
    except WebhookRefused as refusal:
        note_refusal(refusal)
        raise
    with transaction.atomic():
        if _store(event) == 1:
            transaction.on_commit(partial(_enqueue, event["id"]), robust=True)
    return WebhookEvent.objects.get(pk=event["id"])


def note_refusal(refusal: WebhookRefused) -> None:
    """One row each, but no more a minute than anybody would read: strangers can make as many as they like."""
    logger.warning("a webhook was refused", extra={"reason": refusal.code, "detail": refusal.detail})
    since = timezone.now() - timedelta(minutes=1)
    if WebhookRefusal.objects.filter(refused_at__gt=since).count() < MOST_REFUSALS_A_MINUTE:
        WebhookRefusal.objects.create(
            reason=refusal.code, claimed_event_id=refusal.event_id, detail=refusal.detail
        )


def _store(event: dict[str, Any]) -> int:
    """How often it was delivered by now. Kept without what names the payer: nothing in it is ever applied."""
    values = [
        event["id"], event["type"], event["api_version"][:40], event["livemode"], types.customer_of(event)[:255],
        str(event["data"]["object"].get("id") or "")[:255], json.dumps(minimised(event)), moment(event["created"]),
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)
        return int(cursor.fetchone()[0])


def _enqueue(event_id: str) -> None:
    from billing.tasks import process_event  # noqa: PLC0415  tasks call services

    process_event.delay(event_id=event_id)


# processing


def process(event_id: str) -> str:
    """Does what the event calls for, unless somebody else does or did; returns its state ("" when not ours to do).

    Any number may be called with the same event at once. Raises nothing: what fails is written down and tried again.
    """
    claim = _claim(event_id)
    if claim is None:
        return ""
    try:
        state, code = _handle(claim)
    except DomainError as error:
        _fail(claim, error.code)
        return State.FAILED
    except Exception:
        # One broken event must not keep the others from being processed; it stays due and is logged each time.
        logger.exception("an event could not be processed", extra={"event_id": event_id})
        _fail(claim, "internal")
        return State.FAILED
    WebhookEvent.objects.filter(pk=event_id).update(
        state=state, error_code=code, next_attempt_at=None, processed_at=timezone.now()
    )
    return state


def _claim(event_id: str) -> _Claim | None:
    """Takes a lease on it: two who take it at once would do no harm, but twice the work."""
    now = timezone.now()
    is_free = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
    taken = WebhookEvent.objects.filter(
        is_free, pk=event_id, state__in=(State.RECEIVED, State.FAILED)
    ).update(attempts=F("attempts") + 1, next_attempt_at=now + LEASE)
    if not taken:
        return None
    event = WebhookEvent.objects.get(pk=event_id)
    return _Claim(event, event.attempts)


def _handle(claim: _Claim) -> tuple[str, str]:
    event = claim.event
    if event.type in types.CATALOGUE_EVENTS:
        mirror.copy_catalogue_object(event.type.split(".")[0], event.object_id)
        return State.DONE, ""
    if event.type not in types.CUSTOMER_EVENTS or not event.customer_id:
        return State.IGNORED, ""
    if claim.attempt == 1 and _was_seen(event):
        return State.DONE, ""
    is_trial_end = event.type == types.TRIAL_WILL_END
    try:
        sync.sync_customer(event.customer_id, cause=event.id, trial_will_end=is_trial_end)
    except sync.CustomerUnknown:
        if adoption.adopt(event.customer_id) is None:
            # Somebody else's use of the same account at the payment service.
            return State.IGNORED, "customer_unknown"
        sync.sync_customer(event.customer_id, cause=event.id, trial_will_end=is_trial_end)
    return State.DONE, ""


def _was_seen(event: WebhookEvent) -> bool:
    """A look that began after the event had come saw what it tells of: of a burst one is looked after, not each.

    Both times are the database's.
    """
    return (
        event.type != types.TRIAL_WILL_END
        and BillingAccount.objects.filter(
            stripe_customer_id=event.customer_id, synced_at__gt=event.received_at
        ).exists()
    )


def _fail(claim: _Claim, code: str) -> None:
    """Unless another took it meanwhile, whose end counts."""
    delay = BACKOFF[claim.attempt - 1] if claim.attempt <= len(BACKOFF) else None
    WebhookEvent.objects.filter(pk=claim.event.pk, attempts=claim.attempt).update(
        state=State.FAILED,
        error_code=code,
        next_attempt_at=None if delay is None else timezone.now() + delay,
    )
    logger.warning(
        "an event failed",
        extra={"event_id": claim.event.pk, "code": code, "attempt": claim.attempt},
    )


# trying again


def retry_due(*, limit: int = 500) -> int:
    """Wakes a task for each event that is due again or lost its wake-up; returns how many."""
    now = timezone.now()
    is_due = Q(next_attempt_at__lte=now) | Q(
        state=State.RECEIVED, next_attempt_at=None, received_at__lte=now - UNSEEN
    )
    rows = WebhookEvent.objects.filter(is_due, state__in=(State.RECEIVED, State.FAILED)).order_by(
        "received_at"
    )
    due = list(rows.values_list("pk", flat=True)[:limit])
    for event_id in due:
        _enqueue(event_id)
    return len(due)


def replay(event_id: str, *, actor: audit.Actor = audit.SYSTEM) -> None:
    """Has an event processed once more, whatever became of it. Raises WebhookEventNotFound."""
    with transaction.atomic():
        found = WebhookEvent.objects.select_for_update().filter(pk=event_id).first()
        if found is None:
            raise WebhookEventNotFound
        was, found.state = found.state, State.RECEIVED
        found.next_attempt_at, found.error_code = None, ""
        # So that it is looked after for certain.
        found.attempts = max(found.attempts, 1)
        found.save(update_fields=["state", "next_attempt_at", "error_code", "attempts"])
        audit.record(
            "webhook_event.replayed",
            actor=actor,
            workspace_id=None,
            target=("webhook_event", event_id),
            was=was,
        )
        transaction.on_commit(partial(_enqueue, event_id), robust=True)


def forget_old() -> int:
    """Deletes what was done with and refused more than KEPT ago. Returns how many."""
    before = timezone.now() - KEPT
    done = WebhookEvent.objects.filter(received_at__lt=before, state__in=(State.DONE, State.IGNORED))
    refused = WebhookRefusal.objects.filter(refused_at__lt=before)
    return sum(rows.delete()[0] for rows in (done, refused))
