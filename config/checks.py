"""System checks that stop a start which could not be safe."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from config.ports import Port

MINIMUM_SECRET_LENGTH = 50
LIVE_KEY_PREFIXES = ("sk_live_", "rk_live_")


@register
def ports_are_filled(**_: Any) -> list[CheckMessage]:
    return [
        Error(f"Port {port.name} is not filled.", hint="An app fills it in ready().", id="steward.E001")
        for port in Port.registry
        if not port.is_filled
    ]


@register
def secret_key_is_strong(**_: Any) -> list[CheckMessage]:
    key = settings.SECRET_KEY
    if len(key) < MINIMUM_SECRET_LENGTH or len(set(key)) < 10:
        hint = 'python -c "import secrets; print(secrets.token_urlsafe(64))"'
        return [Error("SECRET_KEY is too weak.", hint=f"Make one: {hint}", id="steward.E002")]
    return []


@register
def demo_is_not_live(**_: Any) -> list[CheckMessage]:
    stripe_key = getattr(settings, "STRIPE_SECRET_KEY", "")
    if settings.DEMO and stripe_key.startswith(LIVE_KEY_PREFIXES):
        return [Error("DEMO=1 opens the mailbox to everybody: it refuses live keys.", id="steward.E003")]
    return []


@register
def model_provider_has_a_key(**_: Any) -> list[CheckMessage]:
    if not settings.OPENAI_API_KEY:
        hint = "Set OPENAI_API_KEY (any text for servers that need none), or start with ./dev up."
        return [Error("OPENAI_API_KEY is not set.", hint=hint, id="steward.E004")]
    return []
