"""The wire protocol: idempotency, errors, lists, expansion, and what of a request stays."""

import json

import pytest
import stripe

from billing.simulator.core.params import decode


def post(sim, path, params, key=None, **headers):
    told = {"Idempotency-Key": key} if key else {}
    return sim.core.request("POST", path, params, told | headers)


def test_the_same_key_and_parameters_are_answered_once(sim):
    first = post(sim, "/v1/customers", {"email": "a@acme.example"}, "k1")
    again = post(sim, "/v1/customers", {"email": "a@acme.example"}, "k1")
    assert again.body == first.body
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert len(sim.core.request("GET", "/v1/customers").body["data"]) == 1
    # Without a key each is a request of its own.
    post(sim, "/v1/customers", {"email": "a@acme.example"})
    assert len(sim.core.request("GET", "/v1/customers").body["data"]) == 2


@pytest.mark.parametrize(
    ("path", "params"), [("/v1/customers", {"email": "b@acme.example"}), ("/v1/products", {"name": "Pro"})]
)
def test_a_key_is_good_for_one_request_only(sim, path, params):
    post(sim, "/v1/customers", {"email": "a@acme.example"}, "k1")
    refused = post(sim, path, params, "k1")
    assert (refused.status, refused.body["error"]["type"]) == (400, "idempotency_error")
    assert sim.core.request("GET", "/v1/products").body["data"] == []
    assert len(sim.core.request("GET", "/v1/customers").body["data"]) == 1


def test_a_refused_request_does_not_use_its_key_up(sim):
    assert post(sim, "/v1/customers", {"email": "nonsense"}, "k1").status == 400
    assert post(sim, "/v1/customers", {"email": "a@acme.example"}, "k1").status == 200


def test_a_failed_charge_is_kept_with_its_key(shop):
    shop.add_card("pm_card_chargeCustomerFail")
    invoice = shop.subscribe()["latest_invoice"]
    before = len(shop.ask("GET", "/charges")["data"])
    answers = [post(shop.sim, f"/v1/invoices/{invoice}/pay", {}, "pay-1") for _ in range(2)]
    assert [answer.status for answer in answers] == [402, 402]
    assert answers[0].body == answers[1].body
    assert answers[0].body["error"] | {"doc_url": ""} == {
        "message": "Your card was declined.",
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "generic_decline",
        "doc_url": "",
    }
    assert len(shop.ask("GET", "/charges")["data"]) == before + 1


def test_a_refused_request_leaves_nothing(shop):
    before = [event["id"] for event in shop.sim.events()]
    refused = shop.refused(
        "POST", "/subscriptions", customer=shop.customer, items=[{"price": shop.pro}, {"price": "price_x"}]
    )
    assert (refused["status"], refused["code"], refused["param"]) == (
        400,
        "resource_missing",
        "items[1][price]",
    )
    assert shop.ask("GET", "/subscriptions", customer=shop.customer)["data"] == []
    assert [event["id"] for event in shop.sim.events()] == before


@pytest.mark.parametrize(
    ("method", "path", "params", "status", "code", "param"),
    [
        ("GET", "/v1/customers/cus_nobody", {}, 404, "resource_missing", "id"),
        ("POST", "/v1/products", {}, 400, "parameter_missing", "name"),
        ("POST", "/v1/products", {"name": "x", "colour": "red"}, 400, "parameter_unknown", "colour"),
        ("GET", "/v1/customers", {"limit": "0"}, 400, "parameter_invalid_integer", "limit"),
        ("GET", "/v1/customers", {"limit": "ten"}, 400, "parameter_invalid_integer", "limit"),
        ("POST", "/v1/checkout/sessions", {"mode": "gift"}, 400, None, "mode"),
        ("GET", "/v1/nothing", {}, 404, None, None),
    ],
)
def test_errors_are_worded_like_the_services(sim, method, path, params, status, code, param):
    answer = sim.core.request(method, path, params)
    error = answer.body["error"]
    assert (answer.status, error["type"]) == (status, "invalid_request_error")
    assert (error.get("code"), error.get("param")) == (code, param)
    assert answer.headers["Request-Id"].startswith("req_")


def test_only_test_keys_and_the_present_version_are_let_in(sim):
    for headers in ({"Authorization": "Bearer sk_live_" + "0" * 24}, {"Authorization": "Bearer nonsense"}):
        assert sim.core.request("GET", "/v1/customers", {}, headers).status == 401
    headers = {"Authorization": "Bearer sk_test_" + "0" * 24, "Stripe-Version": "2024-06-20"}
    assert sim.core.request("GET", "/v1/customers", {}, headers).status == 400
    assert (
        sim.core.request("GET", "/v1/customers", {}, headers | {"Stripe-Version": "2026-08-26.dahlia"}).status
        == 200
    )


def test_lists_go_forwards_and_backwards(sim):
    made = [post(sim, "/v1/customers", {"email": f"p{n}@acme.example"}).body["id"] for n in range(7)]
    newest_first = made[::-1]

    def page(**params):
        body = sim.core.request("GET", "/v1/customers", params).body
        return [row["id"] for row in body["data"]], body["has_more"]

    assert page(limit=3) == (newest_first[:3], True)
    assert page(limit=3, starting_after=newest_first[2]) == (newest_first[3:6], True)
    assert page(limit=3, starting_after=newest_first[5]) == (newest_first[6:], False)
    assert page(limit=2, ending_before=newest_first[4]) == (newest_first[2:4], True)
    assert page(limit=5, ending_before=newest_first[2]) == (newest_first[:2], False)
    assert sim.core.request("GET", "/v1/customers", {"starting_after": "cus_nobody"}).status == 400


def test_the_sdk_pages_through_everything(sim):
    for n in range(25):
        post(sim, "/v1/customers", {"email": f"p{n}@acme.example"})
    emails = [row.email for row in sim.client.v1.customers.list({"limit": 10}).auto_paging_iter()]
    assert emails == [f"p{n}@acme.example" for n in range(24, -1, -1)]


def test_expansion_replaces_ids_at_any_depth(shop):
    shop.add_card()
    id = shop.subscribe()["id"]
    expand = [
        "latest_invoice.payments.data.payment.payment_intent",
        "customer.invoice_settings.default_payment_method",
    ]
    found = shop.ask("GET", f"/subscriptions/{id}", expand=expand)
    (payment,) = found["latest_invoice"]["payments"]["data"]
    assert payment["payment"]["payment_intent"]["status"] == "succeeded"
    assert found["customer"]["invoice_settings"]["default_payment_method"]["card"]["last4"] == "4242"
    listed = shop.ask(
        "GET",
        "/subscriptions",
        customer=shop.customer,
        expand=["data.customer", "data.items.data.price.product"],
    )
    assert listed["data"][0]["customer"]["email"] == "owner@acme.example"
    assert listed["data"][0]["items"]["data"][0]["price"]["product"]["name"] == "Pro"
    # What was expanded for one answer is not kept.
    assert shop.subscription(id)["customer"] == shop.customer
    assert "payments" not in shop.ask("GET", f"/invoices/{found['latest_invoice']['id']}")
    assert shop.refused("GET", f"/subscriptions/{id}", expand=["nonsense"])["message"].startswith(
        "This property cannot"
    )


def test_form_fields_become_nested_values():
    assert decode("a[b][0][c]=1&a[b][1][c]=2&d=&e[]=x&e[]=y&metadata[with%20space]=%26") == {
        "a": {"b": [{"c": "1"}, {"c": "2"}]},
        "d": "",
        "e": ["x", "y"],
        "metadata": {"with space": "&"},
    }


def test_metadata_is_merged_and_taken_away(sim):
    id = post(sim, "/v1/customers", {"metadata": {"a": "1", "b": "2"}}).body["id"]
    assert post(sim, f"/v1/customers/{id}", {"metadata": {"a": "", "c": "3"}}).body["metadata"] == {
        "b": "2",
        "c": "3",
    }
    assert post(sim, f"/v1/customers/{id}", {"metadata": ""}).body["metadata"] == {}


def test_the_sdk_raises_its_own_errors(shop):
    client = shop.client
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.customers.retrieve("cus_nobody")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": shop.customer})
    assert declined.value.error.decline_code == "generic_decline"
    with pytest.raises(stripe.IdempotencyError):
        for name in ("a", "b"):
            client.v1.products.create({"name": name}, {"idempotency_key": "same"})


def test_events_tell_what_was_different(shop):
    shop.sim.drop_events()
    shop.ask("POST", f"/customers/{shop.customer}", name="Acme Ltd", metadata={"tier": "gold"})
    (event,) = shop.sim.events()
    assert event["type"] == "customer.updated"
    assert event["data"]["object"]["name"] == "Acme Ltd"
    assert event["data"]["previous_attributes"] == {"name": "Acme", "metadata": {"tier": None}}
    assert (event["api_version"], event["livemode"]) == ("2026-08-26.dahlia", False)
    shop.ask("POST", f"/customers/{shop.customer}", name="Acme Ltd")
    assert len(shop.sim.events()) == 1


def test_a_number_of_a_card_is_kept_nowhere(shop):
    number = "4000056655665556"
    body = {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "987"}}
    method = post(shop.sim, "/v1/payment_methods", body, "k1").body
    post(shop.sim, f"/v1/payment_methods/{method['id']}/attach", {"customer": shop.customer})
    session = shop.session()
    shop.sim.complete_checkout(session["url"], card=number)
    assert method["card"]["last4"] == "5556"
    rows = list(shop.sim.store._rows.values())
    assert not [row for row in rows if number in row or '"987"' in row]
    assert [row for row in rows if '"5556"' in row]


def test_a_signed_event_is_what_the_sdk_verifies(sim):
    from django.conf import settings

    post(sim, "/v1/customers", {"email": "a@acme.example"})
    (event,) = sim.events()
    body, signature = sim.signed(event)
    secret = settings.STRIPE_WEBHOOK_SECRETS[0]
    assert json.loads(str(stripe.Webhook.construct_event(body, signature, secret))) == event
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, secret)
