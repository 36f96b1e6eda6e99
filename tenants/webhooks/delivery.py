"""Sending: one sender for each endpoint at a time, in order, each try under a lease and outside every transaction."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from tenants.webhooks import calling, endings, signing
from tenants.webhooks.calling import Answer
from tenants.webhooks.emission import wake
from tenants.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage

LEASE = timedelta(seconds=60)
"""More than a try may take: a killed sender's endpoint is free after it."""
TURN_S, MOST_AT_ONCE = 30, 50
"""Of one task: then the endpoint goes to the end of the queue, so that a busy one leaves room."""
MOST_SENDERS = 4
"""Of one workspace at the same time: its dead endpoints must not take all workers."""
MOST_DUE = 500
DELAYS_S = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200, 72000)
"""After the first failure, the second, …: 48 hours in all. After the last try the message is given up."""
JITTER = 0.1
MOST_WANTED_S = 6 * 3600
"""How long Retry-After may make us wait where the table says less."""


@dataclass(frozen=True)
class Claim:
    endpoint: WebhookEndpoint
    lease: UUID


def deliver(endpoint_id: UUID) -> int:
    """Sends what is due, in order. Returns how many tries there were; 0 as well where somebody else sends."""
    claim = claim_endpoint(endpoint_id, now=timezone.now())
    if claim is None:
        return 0
    tries, ends_at = 0, monotonic() + TURN_S
    with _released(claim):
        while tries < MOST_AT_ONCE and monotonic() < ends_at:
            delivery = _next_due(claim, now=timezone.now())
            if delivery is None or not attempt(claim, delivery):
                break
            tries += 1
    # Whoever was woken meanwhile met the lease: what they came for is looked for once more.
    if tries and due_endpoints(now=timezone.now()).filter(id=endpoint_id).exists():
        wake(endpoint_id)
    return tries


def claim_endpoint(endpoint_id: UUID, *, now: datetime) -> Claim | None:
    """None where it is disabled or gone, somebody sends to it, or too many send for its workspace."""
    endpoint = WebhookEndpoint.objects.filter(id=endpoint_id).first()
    if endpoint is None:
        return None
    busy = WebhookEndpoint.objects.filter(workspace_id=endpoint.workspace_id, lease_until__gte=now)
    if busy.exclude(id=endpoint_id).count() >= MOST_SENDERS:
        return None
    lease = uuid4()
    free = _free(now).filter(id=endpoint_id, state=WebhookEndpoint.State.ACTIVE)
    if not free.update(lease=lease, lease_until=now + LEASE):
        return None
    return Claim(endpoint, lease)


def _free(now: datetime) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now))


@contextmanager
def _released(claim: Claim) -> Iterator[None]:
    """A sender that is killed releases nothing: then the lease runs out."""
    try:
        yield
    finally:
        _held(claim).update(lease=None, lease_until=None)


def _held(claim: Claim) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.filter(id=claim.endpoint.id, lease=claim.lease)


def due_endpoints(*, now: datetime) -> QuerySet[WebhookEndpoint]:
    """Those whose first message in order is due and to which nobody sends."""
    head = waiting(OuterRef("id")).values("next_attempt_at")[:1]
    active = _free(now).filter(state=WebhookEndpoint.State.ACTIVE)
    return active.alias(due_at=Subquery(head)).filter(due_at__lte=now)


def waiting(endpoint_id: UUID | OuterRef) -> QuerySet[WebhookDelivery]:
    """In the order in which they are sent."""
    rows = WebhookDelivery.objects.filter(endpoint_id=endpoint_id, state=WebhookDelivery.State.PENDING)
    return rows.order_by("-is_alone", "id")


def sweep(*, now: datetime) -> int:
    """Wakes senders for what is due: after a pause, for want of a broker, or because a sender was killed."""
    due = list(due_endpoints(now=now).values_list("id", flat=True)[:MOST_DUE])
    for endpoint_id in due:
        wake(endpoint_id)
    return len(due)


def _next_due(claim: Claim, *, now: datetime) -> WebhookDelivery | None:
    """Extends the lease. None where nothing is due, or the claim is lost."""
    active = _held(claim).filter(state=WebhookEndpoint.State.ACTIVE)
    if not active.update(lease_until=now + LEASE):
        return None
    head = waiting(claim.endpoint.id).select_related("message").first()
    return head if head is not None and head.next_attempt_at <= now else None


def attempt(claim: Claim, delivery: WebhookDelivery) -> bool:
    """One request and what follows from it. False where the claim was lost meanwhile: then only the log knows of it."""
    now = timezone.now()
    # Anew each time: an address or a secret may have changed since the claim.
    endpoint = WebhookEndpoint.objects.filter(id=claim.endpoint.id).first()
    if endpoint is None:
        return False
    body = body_of(delivery.message)
    secrets = signing.secrets_of(endpoint, now=now)
    signed = signing.headers(secrets, message_id=delivery.message_id, body=body, now=now)
    plain = {"content-type": "application/json", "user-agent": f"{settings.PRODUCT_NAME}-Webhooks/1"}
    answer = calling.send(endpoint.url, body=body, headers=plain | signed)
    signed.pop("webhook-signature")
    tried = WebhookAttempt(
        delivery_id=delivery.id,
        url=endpoint.url,
        headers=plain | signed,
        status=answer.status,
        body=answer.body,
        error=answer.error,
        took_ms=answer.took_ms,
        created_at=now,
    )
    return _keep(claim, delivery, tried, answer)


def body_of(message: WebhookMessage) -> str:
    """The same at each try: what is signed is what is sent."""
    told = {"type": message.type, "timestamp": message.created_at.isoformat(), "data": message.data}
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


@transaction.atomic
def _keep(claim: Claim, delivery: WebhookDelivery, tried: WebhookAttempt, answer: Answer) -> bool:
    endpoint = WebhookEndpoint.objects.select_for_update().filter(id=claim.endpoint.id).first()
    row = WebhookDelivery.objects.select_for_update().filter(id=delivery.id).first()
    if endpoint is None or row is None:
        return False
    tried.save()
    if endpoint.lease != claim.lease or row.state != WebhookDelivery.State.PENDING:
        return False
    now = timezone.now()
    row.attempts += 1
    if answer.is_success:
        _end(row, WebhookDelivery.State.SUCCEEDED, now)
        if row.is_alone:
            _hurry(endpoint, now)
    elif answer.status == 410:
        _end(row, WebhookDelivery.State.FAILED, now)
        endings.disable(endpoint, WebhookEndpoint.Reason.GONE)
    elif row.is_alone:
        _end(row, WebhookDelivery.State.FAILED, now)
    elif row.attempts > len(DELAYS_S):
        _end(row, WebhookDelivery.State.FAILED, now)
        endings.disable(endpoint, WebhookEndpoint.Reason.FAILING)
    else:
        row.next_attempt_at = now + pause(row.attempts, answer.retry_after, now=now)
        row.save(update_fields=["attempts", "next_attempt_at"])
    return True


def _end(row: WebhookDelivery, state: WebhookDelivery.State, now: datetime) -> None:
    row.state, row.finished_at = state, now
    row.save(update_fields=["attempts", "state", "finished_at"])


def _hurry(endpoint: WebhookEndpoint, now: datetime) -> None:
    """It answers again: what waits for its next try need not wait longer."""
    waiting(endpoint.id).filter(next_attempt_at__gt=now).update(next_attempt_at=now)


def pause(attempts: int, retry_after: str, *, now: datetime) -> timedelta:
    """After so many failed tries: the table's, a little more or less, or what the receiver asks for within bounds."""
    wanted_s = min(calling.wanted_delay_s(retry_after, now=now), MOST_WANTED_S)
    table_s = DELAYS_S[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  no secret
    return timedelta(seconds=max(table_s, wanted_s))
