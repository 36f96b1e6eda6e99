"""Whether a delivery is from our account at the payment service, fresh, and in shapes that we know."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import stripe
from django.conf import settings

from config.errors import DomainError

TOLERANCE_S = 300


class WebhookRefused(DomainError):
    """`code` says why: a key of REASONS. `event_id` is what the delivery claimed to be."""

    code = "webhook_refused"
    status = 400

    def __init__(self, code: str, *, event_id: str = "", detail: str = "") -> None:
        super().__init__(REASONS[code], code=code)
        self.event_id, self.detail = event_id, detail


REASONS = {
    "body_too_large": "The body is larger than any event.",
    "body_malformed": "The body is not an event.",
    "signature_missing": "There is no Stripe-Signature header.",
    "signature_bad": "The signature is not by any of our secrets. Set STRIPE_WEBHOOK_SECRET to the endpoint's own.",
    "timestamp_stale": f"It was signed more than {TOLERANCE_S} seconds ago: a delivery that somebody sends again.",
    "mode_mismatch": "Live events are for a live key, test events for a test key: the endpoint is of the other mode.",
    "account_unknown": "The event is of an account that is not ours.",
    "version_unknown": "The event is written in another API release. Set the endpoint's API version to ours.",
}


def verify(body: bytes, signature: str, *, now: datetime) -> dict[str, Any]:
    """The event. Raises WebhookRefused."""
    claimed = _claimed_id(body)
    if not signature:
        raise WebhookRefused("signature_missing", event_id=claimed)
    if not any(_is_signed(body, signature, secret) for secret in settings.STRIPE_WEBHOOK_SECRETS):
        raise WebhookRefused("signature_bad", event_id=claimed)
    if now.timestamp() - _signed_at(signature) > TOLERANCE_S:
        raise WebhookRefused("timestamp_stale", event_id=claimed)
    event = _parse(body)
    if event is None:
        raise WebhookRefused("body_malformed", event_id=claimed)
    _require_ours(event)
    return event


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    """By the SDK, without its tolerance: it does not say which of the two was wrong."""
    if not signature.isascii():
        return False  # the SDK fails at it
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _signed_at(signature: str) -> int:
    """Of a header that the SDK could read."""
    return int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))


def _parse(body: bytes) -> dict[str, Any] | None:
    """None unless it has everything that is read of it later."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or event.get("object") != "event":
        return None
    data = event.get("data")
    is_whole = (
        all(isinstance(event.get(name), str) and event[name] for name in ("id", "type", "api_version"))
        and isinstance(event.get("livemode"), bool)
        and isinstance(event.get("created"), int)
        and isinstance(data, dict)
        and isinstance(data.get("object"), dict)
        and isinstance(data.get("previous_attributes") or {}, dict)
        and len(event["id"]) <= 255
        and len(event["type"]) <= 100
        and "\x00" not in body.decode()
        and "\\u0000" not in body.decode()
    )
    return event if is_whole else None


def _require_ours(event: Mapping[str, Any]) -> None:
    if event["livemode"] != settings.STRIPE_LIVE_MODE:
        raise WebhookRefused("mode_mismatch", event_id=event["id"])
    if event.get("account"):
        # Only platforms have accounts beside their own, and we are none.
        raise WebhookRefused(
            "account_unknown", event_id=event["id"], detail=_printable(str(event["account"]))[:200]
        )
    if release(event["api_version"]) != release(settings.STRIPE_API_VERSION):
        detail = f"{_printable(event['api_version'])[:60]} instead of {settings.STRIPE_API_VERSION}"
        raise WebhookRefused("version_unknown", event_id=event["id"], detail=detail)


def release(version: str) -> str:
    """`dahlia` of `2026-08-26.dahlia`: months of one release only add. A version without a name is older than names."""
    date, _, name = version.partition(".")
    return name or date


def _claimed_id(body: bytes) -> str:
    """For the log of refusals; nobody vouches for it."""
    try:
        event = json.loads(body)
        claimed = event["id"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    return _printable(claimed)[:255] if isinstance(claimed, str) else ""


def _printable(text: str) -> str:
    """What a database takes of anybody's text."""
    return "".join(mark for mark in text if mark.isascii() and mark.isprintable())


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
