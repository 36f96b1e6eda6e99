"""The one way to Stripe: the SDK, configured once, and its errors as a closed table of ours."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import stripe
from django.conf import settings
from django.utils.module_loading import import_string

from config.errors import DomainError

logger = logging.getLogger(__name__)

RETRIES = 2


class PaymentServiceUnavailable(DomainError):
    """Not reached, or it failed by itself: the same call may succeed later."""

    code = "payment_service_unavailable"
    status = 503
    message = "The payment service cannot be reached. Nothing was changed; try again in a moment."


class PaymentsMisconfigured(PaymentServiceUnavailable):
    """Our key is refused. People can only wait until staff have set it right."""

    code = "payments_misconfigured"
    message = "Payments are not available at the moment. We have been told."


class PaymentRefused(DomainError):
    """The bank or the payment method said no. `data["decline_code"]` says why, as Stripe names it."""

    code = "payment_refused"
    status = 402
    message = "Your bank refused the payment. Use another card, or ask your bank."


class PaymentRequestRefused(DomainError):
    """The payment service does not do what we asked. `data["reason"]` is its own code, `data["param"]` the field."""

    code = "payment_request_refused"
    status = 422
    message = "The payment service did not accept that. Reload the page and try again."

    @property
    def is_missing(self) -> bool:
        return bool(self.data.get("reason") == "resource_missing")


REFUSALS = {
    "insufficient_funds": "The card has not enough funds. Use another card.",
    "expired_card": "The card has expired. Use another card.",
    "incorrect_cvc": "The security code of the card is wrong. Check it and try again.",
    "incorrect_number": "The card number is wrong. Check it and try again.",
    "authentication_required": "Your bank wants you to confirm the payment. Confirm it on the billing page.",
    "subscription_payment_intent_requires_action": "Your bank wants you to confirm the payment. Confirm it on the "
    "billing page.",
    "processing_error": "The bank could not process the payment. Try again in a moment.",
}
RETRYABLE_STATUSES = frozenset({409, 500, 502, 503, 504})
"""409: another request holds the object."""


def configure() -> None:
    """For the SDK's module-level calls, which dj-stripe makes; our own code uses `get_client`."""
    stripe.api_key = settings.STRIPE_SECRET_KEY
    stripe.api_version = settings.STRIPE_API_VERSION
    stripe.max_network_retries = RETRIES
    stripe.default_http_client = http_client()
    # SECURITY: at INFO the SDK logs the texts of errors, which may quote what was sent.
    logging.getLogger("stripe").setLevel(logging.WARNING)
    if settings.STRIPE_API_BASE:
        stripe.api_base = settings.STRIPE_API_BASE


def http_client() -> stripe.HTTPClient:
    if settings.STRIPE_HTTP_CLIENT:
        made: stripe.HTTPClient = import_string(settings.STRIPE_HTTP_CLIENT)()
        return made
    return stripe.RequestsClient(timeout=settings.STRIPE_TIMEOUT_S)


def get_client() -> stripe.StripeClient:
    """The client that the settings describe, one per process. Calls go inside `payment_errors()`."""
    return _client(
        settings.STRIPE_SECRET_KEY,
        settings.STRIPE_API_VERSION,
        settings.STRIPE_API_BASE,
        settings.STRIPE_HTTP_CLIENT,
    )


@lru_cache(maxsize=4)
def _client(key: str, version: str, base: str, _transport: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        stripe_version=version,
        base_addresses={"api": base, "meter_events": base} if base else {},
        max_network_retries=RETRIES,
        http_client=http_client(),
    )


@contextmanager
def payment_errors() -> Iterator[None]:
    """Raises PaymentServiceUnavailable, PaymentRefused or PaymentRequestRefused instead of the SDK's errors, whose
    texts may quote what was sent: they are neither shown nor logged."""
    try:
        yield
    except stripe.StripeError as error:
        translated = from_sdk(error)
        logger.warning(
            "the payment service answered with an error",
            extra={
                "code": translated.code,
                "status": error.http_status,
                "reason": _reason(error),
                "payment_request_id": error.request_id,
            },
        )
        raise translated from None


def from_sdk(error: stripe.StripeError) -> DomainError:
    """What is not listed is not retried."""
    if isinstance(error, stripe.APIConnectionError | stripe.RateLimitError):
        return PaymentServiceUnavailable()
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        return PaymentsMisconfigured()
    if isinstance(error, stripe.CardError):
        decline = _decline(error)
        return PaymentRefused(REFUSALS.get(decline), data={"decline_code": decline})
    if isinstance(error, stripe.APIError) and error.http_status in RETRYABLE_STATUSES:
        return PaymentServiceUnavailable()
    param = getattr(error, "param", None) or ""
    return PaymentRequestRefused(data={"reason": _reason(error), "param": param})


def _decline(error: stripe.CardError) -> str:
    """The bank's own reason, where it gave one."""
    return str(getattr(error.error, "decline_code", None) or error.code or "generic_decline")


def _reason(error: stripe.StripeError) -> str:
    return error.code or type(error).__name__
