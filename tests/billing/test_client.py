"""What goes wrong at the payment service becomes one of a few errors of ours, by a closed table."""

import logging

import pytest
import stripe
from django.test import override_settings

from billing.stripe import client
from billing.stripe.client import (
    PaymentRefused,
    PaymentRequestRefused,
    PaymentServiceUnavailable,
    PaymentsMisconfigured,
    get_client,
    payment_errors,
)

SECRET = "what somebody sent"


def api_error(status: int) -> stripe.APIError:
    return stripe.APIError(SECRET, http_status=status)


def card_error(code: str = "card_declined", decline: str | None = None) -> stripe.CardError:
    error = {"error": {"type": "card_error", "code": code, "decline_code": decline, "message": SECRET}}
    return stripe.CardError(SECRET, None, code, http_status=402, json_body=error)


@pytest.mark.parametrize(
    "error",
    [
        stripe.APIConnectionError(SECRET),
        stripe.RateLimitError(SECRET, http_status=429),
        *map(api_error, (409, 500, 503)),
    ],
    ids=str,
)
def test_what_passes_by_itself_is_unavailable(error):
    with pytest.raises(PaymentServiceUnavailable) as raised, payment_errors():
        raise error
    assert (raised.value.code, raised.value.status) == ("payment_service_unavailable", 503)


@pytest.mark.parametrize(
    "error",
    [stripe.AuthenticationError(SECRET, http_status=401), stripe.PermissionError(SECRET, http_status=403)],
)
def test_refused_key_is_not_the_customers_fault(error):
    with pytest.raises(PaymentsMisconfigured) as raised, payment_errors():
        raise error
    assert (raised.value.code, raised.value.status) == ("payments_misconfigured", 503)


@pytest.mark.parametrize(
    ("error", "decline", "words"),
    [
        (card_error(decline="insufficient_funds"), "insufficient_funds", "enough funds"),
        (card_error("expired_card"), "expired_card", "has expired"),
        (card_error(decline="something_new"), "something_new", "Your bank refused"),
        (card_error("authentication_required"), "authentication_required", "confirm the payment"),
    ],
)
def test_refused_card_says_why(error, decline, words):
    with pytest.raises(PaymentRefused) as raised, payment_errors():
        raise error
    assert (raised.value.status, raised.value.data) == (402, {"decline_code": decline})
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            stripe.InvalidRequestError(SECRET, "customer", "resource_missing", http_status=404),
            "resource_missing",
        ),
        (stripe.IdempotencyError(SECRET, http_status=400), "IdempotencyError"),
        (api_error(418), "APIError"),
        (stripe.StripeError(SECRET), "StripeError"),
    ],
)
def test_everything_else_is_not_tried_again(error, reason):
    with pytest.raises(PaymentRequestRefused) as raised, payment_errors():
        raise error
    assert (raised.value.status, raised.value.data["reason"]) == (422, reason)
    assert raised.value.is_missing is (reason == "resource_missing")


@pytest.mark.parametrize("error", [api_error(500), card_error(), stripe.InvalidRequestError(SECRET, "x")])
def test_text_of_the_error_is_neither_shown_nor_logged(error, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(client.DomainError) as raised, payment_errors():
        raise error
    assert SECRET not in str(raised.value) + raised.value.message + str(raised.value.data)
    assert raised.value.__suppress_context__
    assert len(caplog.records) == 1
    assert SECRET not in "".join(str(vars(record)) for record in caplog.records)


def test_own_errors_pass():
    with pytest.raises(ZeroDivisionError), payment_errors():
        raise ZeroDivisionError


def test_sdk_logs_no_texts():
    assert not logging.getLogger("stripe").isEnabledFor(logging.INFO)


def test_client_is_what_the_settings_say():
    options = get_client()._requestor._options
    assert options.stripe_version == "2026-08-26.dahlia"
    assert options.max_network_retries == client.RETRIES
    assert get_client() is get_client()


@override_settings(
    STRIPE_HTTP_CLIENT="", STRIPE_SECRET_KEY="sk_test_" + "1" * 24, STRIPE_API_BASE="http://127.0.0.1:1"
)
def test_client_waits_for_an_answer_no_longer_than_it_must():
    made = get_client()
    assert made._requestor._client._timeout == 20
    assert made._requestor._options.base_addresses["api"] == "http://127.0.0.1:1"
    assert made._requestor._options.base_addresses["meter_events"] == "http://127.0.0.1:1"
