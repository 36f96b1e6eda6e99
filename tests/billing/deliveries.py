"""Deliveries as the payment service makes them, and as strangers would."""

import json
import time
from typing import Any
from uuid import uuid4

import stripe
from django.conf import settings


def event(kind: str = "customer.updated", **changes: Any) -> dict[str, Any]:
    """An event of a customer that no workspace has."""
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "api_version": settings.STRIPE_API_VERSION,
        "created": int(time.time()),
        "data": {"object": {"id": f"cus_{uuid4().hex}", "object": "customer"}},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    } | changes


def body_of(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def signature_of(body: bytes, *, secret: str = "", age_s: int = 0) -> str:
    """As the SDK signs; by our first secret, now."""
    return str(
        stripe.WebhookSignature.generate_signature_header(
            body.decode(errors="replace"),
            secret or settings.STRIPE_WEBHOOK_SECRETS[0],
            timestamp=int(time.time()) - age_s,
        )
    )
