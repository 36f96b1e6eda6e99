"""Signatures by Standard Webhooks, and the secrets they are made with."""

import base64
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from tenants import sealing
from tenants.webhooks.models import WebhookEndpoint

SECRET_BYTES = 32


def new_secret() -> str:
    """Shown once; `seal` makes what is stored."""
    return f"whsec_{base64.b64encode(os.urandom(SECRET_BYTES)).decode()}"


def seal(endpoint: WebhookEndpoint, secret: str) -> str:
    """Inside a transaction: the first time makes the endpoint's key."""
    return sealing.seal(endpoint.id, {"secret": secret})


def secrets_of(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """Those that are valid: the present one first. One query."""
    texts = [endpoint.secret]
    if endpoint.former_until is not None and endpoint.former_until > now:
        texts.append(endpoint.former_secret)
    opened = sealing.unseal([(endpoint.id, text) for text in texts])
    return [fields["secret"] for fields in opened if fields]


def headers(secrets: Sequence[str], *, message_id: str, body: str, now: datetime) -> dict[str, str]:
    """The three of Standard Webhooks, one signature for each secret. The time is the attempt's."""
    at = now.astimezone(UTC)
    signatures = [Webhook(secret).sign(msg_id=message_id, timestamp=at, data=body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
