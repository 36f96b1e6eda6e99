"""Webhooks and their log as pages show them."""

import json
from datetime import datetime
from typing import Any

from tenants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tenants.webhooks import delivery as sending
from tenants.webhooks import types

WHY_OFF = {
    WebhookEndpoint.Reason.PERSON: "Somebody switched it off.",
    WebhookEndpoint.Reason.GONE: "It answered 410, which says that it is gone for good.",
    WebhookEndpoint.Reason.FAILING: "A message was tried for two days, and none of its tries succeeded.",
}
NO_ANSWER = {
    "refused": "not called: its host is none that may be called",
    "timeout": "no answer in time",
    "unreachable": "it could not be reached",
}
STATES = {
    WebhookDelivery.State.PENDING: ("Waits", "info"),
    WebhookDelivery.State.SUCCEEDED: ("Taken", "success"),
    WebhookDelivery.State.FAILED: ("Failed", "danger"),
}


def row(endpoint: WebhookEndpoint, *, now: datetime) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "is_on": endpoint.state == WebhookEndpoint.State.ACTIVE,
        "why_off": WHY_OFF.get(WebhookEndpoint.Reason(endpoint.disabled_reason), "")
        if endpoint.disabled_reason
        else "",
        "is_overlapping": endpoint.former_until is not None and endpoint.former_until > now,
        "waiting": getattr(endpoint, "waiting", 0),
        "last_state": getattr(endpoint, "last_state", None),
    }


def titles(endpoint: WebhookEndpoint) -> list[str]:
    """Of the events that it is told of; a type that there is no more by its name."""
    return [types.BY_NAME[name].title if name in types.BY_NAME else name for name in endpoint.event_types]


def entry(found: WebhookDelivery) -> dict[str, Any]:
    """A message with its tries, which are there already."""
    label, tone = STATES[WebhookDelivery.State(found.state)]
    body = json.dumps(json.loads(sending.body_of(found.message)), indent=2, ensure_ascii=False)
    return {
        "row": found,
        "label": label,
        "tone": tone,
        "is_pending": found.state == WebhookDelivery.State.PENDING,
        "body": body,
        "tries": [_try(each, at) for at, each in enumerate(found.tries.all(), start=1)],
    }


def _try(tried: WebhookAttempt, at: int) -> dict[str, Any]:
    headers = "\n".join(f"{name}: {value}" for name, value in sorted(tried.headers.items()))
    is_taken = tried.status is not None and 200 <= tried.status < 300
    return {
        "row": tried,
        "request_title": f"Request of try {at}",
        "answer_title": f"Answer to try {at}",
        "request": f"POST {tried.url}\n{headers}",
        "outcome": str(tried.status) if tried.status is not None else NO_ANSWER.get(tried.error, tried.error),
        "tone": "success" if is_taken else "danger",
    }
