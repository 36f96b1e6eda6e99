"""System checks: whether payments can work as they are configured."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.urls import reverse

from billing.webhooks.types import WANTED

LIVE_KEY_PREFIXES = ("sk_live_", "rk_live_")
MADE_UP_KEY = "sk_test_" + "0" * 24
"""What simulated payments are called with."""


@register
def payments_have_a_key(**_: Any) -> list[CheckMessage]:
    if settings.STRIPE_SECRET_KEY:
        return []
    hint = "Set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, or STRIPE_SIMULATED=1 to try it without money."
    return [Error("STRIPE_SECRET_KEY is not set.", hint=hint, id="steward.E020")]


@register
def payments_have_a_webhook_secret(**_: Any) -> list[CheckMessage]:
    """Without it every event would be refused, and plans would change only once an hour."""
    if not settings.STRIPE_SECRET_KEY or settings.STRIPE_WEBHOOK_SECRETS:
        return []
    hint = (
        f"In Stripe, under Developers, Webhooks, add the endpoint {webhook_url()} with API version "
        f"{settings.STRIPE_API_VERSION}, enable the events below, and set STRIPE_WEBHOOK_SECRET to its signing "
        f"secret: {', '.join(WANTED)}"
    )
    return [Error("STRIPE_WEBHOOK_SECRET is not set.", hint=hint, id="steward.E021")]


@register
def live_payments_are_not_tried_out(**_: Any) -> list[CheckMessage]:
    if not _is_live():
        return []
    found: list[CheckMessage] = []
    for name in ("DEBUG", "DEMO"):
        if getattr(settings, name):
            hint = f"Unset {name}, or use a test key."
            found.append(Error(f"A live STRIPE_SECRET_KEY with {name}=1.", hint=hint, id="steward.E022"))
    return found


@register
def live_payments_go_to_stripe(**_: Any) -> list[CheckMessage]:
    if _is_live() and settings.STRIPE_API_BASE:
        hint = "Unset STRIPE_API_BASE: whoever answers there would be given the key."
        return [Error("A live STRIPE_SECRET_KEY with STRIPE_API_BASE.", hint=hint, id="steward.E023")]
    return []


@register
def payments_are_real_or_simulated(**_: Any) -> list[CheckMessage]:
    is_real = settings.STRIPE_SECRET_KEY not in ("", MADE_UP_KEY)
    if settings.STRIPE_SIMULATED and is_real:
        hint = "Unset STRIPE_SIMULATED to use the key, or STRIPE_SECRET_KEY to simulate."
        return [Error("STRIPE_SIMULATED=1 together with a STRIPE_SECRET_KEY.", hint=hint, id="steward.E024")]
    return []


def webhook_url() -> str:
    return settings.BASE_URL.rstrip("/") + reverse("stripe-webhook", urlconf=settings.ROOT_URLCONF)


def _is_live() -> bool:
    return bool(settings.STRIPE_SECRET_KEY.startswith(LIVE_KEY_PREFIXES))
