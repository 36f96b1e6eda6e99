"""What is no delivery of our account is refused, noted, and never stored."""

import json
from uuid import uuid4

import pytest
from django.test import override_settings
from django.utils import timezone

from billing.erasure.redaction import minimised
from billing.webhooks import services
from billing.webhooks.models import WebhookEvent, WebhookRefusal
from billing.webhooks.verification import REASONS, WebhookRefused, release
from tests import factories
from tests.billing.deliveries import body_of, event, signature_of

pytestmark = pytest.mark.django_db
URLS = ("/webhooks/stripe/", "/api/v1/billing/webhook")


def post(body: bytes, signature: str | None, url: str = URLS[0]):
    headers = {} if signature is None else {"Stripe-Signature": signature}
    return factories.browser().post(url, data=body, content_type="application/json", headers=headers)


def assert_refused(response, reason: str, event_id: str = "") -> None:
    assert response.status_code == 400
    assert response.json()["code"] == reason
    assert response.json()["detail"] == REASONS[reason]
    (refusal,) = WebhookRefusal.objects.all()
    assert (refusal.reason, refusal.claimed_event_id) == (reason, event_id)
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize("url", URLS)
def test_signed_event_is_stored_and_answered(url):
    told = event()
    body = body_of(told)
    response = post(body, signature_of(body), url)
    assert (response.status_code, response.json()) == (200, {"received": True})
    (stored,) = WebhookEvent.objects.all()
    assert (stored.pk, stored.type, stored.state) == (told["id"], "customer.updated", "received")
    assert (stored.customer_id, stored.payload) == (told["data"]["object"]["id"], minimised(told))
    assert not WebhookRefusal.objects.exists()


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_post_is_taken(url, method):
    assert getattr(factories.browser(), method)(url).status_code == 405


def test_signature_is_needed():
    told = event()
    assert_refused(post(body_of(told), None), "signature_missing", told["id"])


@pytest.mark.parametrize("secret", ["whsec_" + "0" * 32, "whsec_of_somebody_else"])
def test_signature_by_a_foreign_secret_is_refused(secret):
    told = event()
    body = body_of(told)
    assert_refused(post(body, signature_of(body, secret=secret)), "signature_bad", told["id"])


@pytest.mark.parametrize(
    "header", ["t=,v1=", "nonsense", "t=1", "v1=00", "t=now,v1=00", ",,,", "t=1,v1=\u00e9"]
)
def test_header_that_cannot_be_read_is_refused(header):
    told = event()
    assert_refused(post(body_of(told), header), "signature_bad", told["id"])


def test_changed_body_is_refused():
    body = body_of(event())
    changed = body.replace(b'"customer.updated"', b'"customer.deleted"')
    assert changed != body
    told_id = json.loads(body)["id"]
    assert_refused(post(changed, signature_of(body)), "signature_bad", told_id)


def test_delivery_that_is_sent_again_later_is_refused():
    told = event()
    body = body_of(told)
    assert_refused(post(body, signature_of(body, age_s=301)), "timestamp_stale", told["id"])


def test_delivery_within_the_tolerance_is_taken():
    body = body_of(event())
    assert post(body, signature_of(body, age_s=290)).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"object": "event"}', b"[" * 20_000],
    ids=["empty", "broken", "list", "null", "text", "no utf-8", "bare", "deep"],
)
def test_body_that_is_no_event_is_refused(body):
    reason = "signature_bad" if b"\xff" in body else "body_malformed"
    assert_refused(post(body, signature_of(body)), reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"object": "charge"}, {"id": ""}, {"id": 7}, {"id": "e" * 256}, {"type": None}, {"type": "t" * 101},
        {"created": "now"}, {"livemode": "no"}, {"data": {}}, {"data": {"object": []}}, {"api_version": None},
        {"data": {"object": {"id": "a\x00b"}}}, {"data": {"object": {}, "previous_attributes": [1]}},
    ],
    ids=str,
)  # fmt: skip
def test_event_that_lacks_what_is_read_of_it_is_refused(changes):
    body = body_of(event(**changes))
    response = post(body, signature_of(body))
    assert (response.status_code, response.json()["code"]) == (400, "body_malformed")
    assert not WebhookEvent.objects.exists()


def test_event_of_the_other_mode_is_refused():
    told = event(livemode=True)
    body = body_of(told)
    assert_refused(post(body, signature_of(body)), "mode_mismatch", told["id"])


@override_settings(STRIPE_LIVE_MODE=True)
def test_test_event_is_refused_where_payments_are_live():
    told = event()
    body = body_of(told)
    assert_refused(post(body, signature_of(body)), "mode_mismatch", told["id"])


def test_event_of_a_foreign_account_is_refused():
    told = event(account="acct_of_somebody")
    body = body_of(told)
    assert_refused(post(body, signature_of(body)), "account_unknown", told["id"])
    assert WebhookRefusal.objects.get().detail == "acct_of_somebody"


@pytest.mark.parametrize("version", ["2017-08-15", "2024-06-20", "2025-03-31.basil", "2026-08-26.edelweiss"])
def test_event_of_another_release_is_refused(version):
    told = event(api_version=version)
    body = body_of(told)
    assert_refused(post(body, signature_of(body)), "version_unknown", told["id"])
    assert WebhookRefusal.objects.get().detail == f"{version} instead of 2026-08-26.dahlia"


def test_event_of_another_month_of_the_release_is_taken():
    body = body_of(event(api_version="2026-09-30.dahlia"))
    assert post(body, signature_of(body)).status_code == 200


def test_versions_without_a_name_are_compared_by_their_date():
    assert release("2024-06-20") == "2024-06-20"
    assert release("2026-08-26.dahlia") == "dahlia"


@override_settings(STRIPE_WEBHOOK_SECRETS=["whsec_the_new_one", "whsec_the_old_one"])
@pytest.mark.parametrize("secret", ["whsec_the_new_one", "whsec_the_old_one"])
def test_any_of_several_secrets_verifies_while_one_is_replaced(secret):
    body = body_of(event())
    assert post(body, signature_of(body, secret=secret)).status_code == 200


@override_settings(STRIPE_WEBHOOK_SECRETS=[])
def test_without_a_secret_nothing_is_taken():
    body = body_of(event())
    response = post(body, signature_of(body, secret="x"))
    assert response.json()["code"] == "signature_bad"


@override_settings(DEBUG=True)
def test_no_header_replaces_the_secret():
    """As dj-stripe's own view allows under DEBUG."""
    body = body_of(event())
    headers = {"Stripe-Signature": signature_of(body, secret="mine"), "X-Djstripe-Webhook-Secret": "mine"}
    response = factories.browser().post(URLS[0], body, content_type="application/json", headers=headers)
    assert response.json()["code"] == "signature_bad"


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000)
def test_body_beyond_any_event_is_refused():
    body = b" " * 1001
    assert_refused(post(body, signature_of(body)), "body_too_large")


def test_refusals_are_noted_only_as_fast_as_somebody_could_read_them(monkeypatch):
    monkeypatch.setattr(services, "MOST_REFUSALS_A_MINUTE", 3)
    for _ in range(5):
        assert post(body_of(event()), None).status_code == 400
    assert WebhookRefusal.objects.count() == 3


def test_refusal_keeps_nothing_of_the_body_but_the_claimed_id():
    secret = uuid4().hex
    post(body_of(event(type=secret, id="i" * 300)), None)
    (refusal,) = WebhookRefusal.objects.all()
    assert secret not in str(vars(refusal))
    assert refusal.claimed_event_id == "i" * 255


def test_claimed_id_that_no_database_takes_is_noted_without_what_it_refuses():
    post(b'{"id": "evt_\\ud800\\u0000\\n1"}', None)
    assert WebhookRefusal.objects.get().claimed_event_id == "evt_1"


def test_refused_delivery_can_be_told_by_its_code():
    body = body_of(event())
    with pytest.raises(WebhookRefused) as refused:
        services.receive(body, signature_of(body, secret="foreign"), now=timezone.now())
    assert (refused.value.code, refused.value.status) == ("signature_bad", 400)
