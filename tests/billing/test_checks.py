"""Payments that could not work, or would do harm, stop the start and say what to set."""

import re

from django.conf import settings
from django.test import override_settings

from billing import checks
from billing.webhooks.types import WANTED

LIVE, TEST = "sk_live_" + "1" * 24, "sk_test_" + "1" * 24


def ids(messages) -> list[str]:
    return [message.id for message in messages]


def test_suite_itself_passes():
    found = [
        check()
        for check in (
            checks.payments_have_a_key,
            checks.payments_have_a_webhook_secret,
            checks.live_payments_are_not_tried_out,
            checks.live_payments_go_to_stripe,
            checks.payments_are_real_or_simulated,
        )
    ]
    assert found == [[]] * 5


@override_settings(STRIPE_SECRET_KEY="")
def test_key_is_needed():
    (error,) = checks.payments_have_a_key()
    assert error.id == "steward.E020"
    assert "STRIPE_SECRET_KEY" in error.hint
    assert "STRIPE_SIMULATED=1" in error.hint


@override_settings(STRIPE_SECRET_KEY=TEST, STRIPE_WEBHOOK_SECRETS=[], BASE_URL="https://app.example.com")
def test_webhook_secret_is_needed_and_the_hint_says_what_to_set_up():
    (error,) = checks.payments_have_a_webhook_secret()
    assert error.id == "steward.E021"
    assert "https://app.example.com/webhooks/stripe/ with API version 2026-08-26.dahlia" in error.hint
    assert "STRIPE_WEBHOOK_SECRET" in error.hint
    assert all(name in error.hint for name in WANTED)
    assert {"checkout.session.completed", "invoice.paid", "customer.subscription.deleted"} <= set(WANTED)


def test_document_names_the_same_events_and_version():
    text = (settings.BASE_DIR / "docs/billing.md").read_text()
    section = text.split("## Real keys")[1].split("##")[0]
    named = section.split("Events to enable")[1].split("\n", 1)[1]
    assert tuple(re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", named)) == WANTED
    assert f"`{settings.STRIPE_API_VERSION}`" in section


@override_settings(STRIPE_SECRET_KEY=LIVE, DEBUG=True, DEMO=True)
def test_live_key_is_not_for_trying_out():
    assert ids(checks.live_payments_are_not_tried_out()) == ["steward.E022", "steward.E022"]


@override_settings(STRIPE_SECRET_KEY="rk_live_" + "1" * 24, STRIPE_API_BASE="http://127.0.0.1:8104")
def test_live_key_goes_nowhere_else():
    assert ids(checks.live_payments_go_to_stripe()) == ["steward.E023"]


@override_settings(STRIPE_SECRET_KEY=TEST, STRIPE_SIMULATED=True)
def test_payments_are_real_or_simulated_not_both():
    assert ids(checks.payments_are_real_or_simulated()) == ["steward.E024"]


@override_settings(STRIPE_SECRET_KEY=LIVE, STRIPE_SIMULATED=False, DEBUG=False, DEMO=False)
def test_live_set_up_passes():
    assert checks.live_payments_are_not_tried_out() == checks.live_payments_go_to_stripe() == []
    assert checks.payments_are_real_or_simulated() == checks.payments_have_a_key() == []
