"""The Checkout page: what is typed there, and what it leaves behind."""

import pytest

from billing.simulator.core import checkout
from tests.billing.simulator.world import DAY


def test_a_paid_session_starts_the_subscription(shop):
    session = shop.session(
        client_reference_id="ws-1", subscription_data={"metadata": {"plan": "pro"}}, metadata={"a": "b"}
    )
    shop.sim.drop_events()
    done = shop.sim.complete_checkout(session["url"])
    assert (done.kind, done.url) == ("completed", f"http://127.0.0.1/done?session={session['id']}")
    after = shop.ask("GET", f"/checkout/sessions/{session['id']}")
    assert (after["status"], after["payment_status"], after["client_reference_id"]) == (
        "complete",
        "paid",
        "ws-1",
    )
    subscription = shop.subscription(after["subscription"])
    assert (subscription["status"], subscription["metadata"]) == ("active", {"plan": "pro"})
    assert subscription["latest_invoice"] == after["invoice"]
    (invoice,) = shop.invoices()
    assert (invoice["status"], invoice["total"], invoice["billing_reason"]) == (
        "paid",
        3000,
        "subscription_create",
    )
    assert invoice["parent"]["subscription_details"] == {
        "metadata": {"plan": "pro"},
        "subscription": subscription["id"],
    }
    types = [event["type"] for event in shop.sim.events()]
    assert [name for name in types if name.startswith(("checkout", "customer.subscription", "invoice."))] == [
        "invoice.created",
        "customer.subscription.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
        "checkout.session.completed",
    ]


def test_a_session_is_paid_once(shop):
    session = shop.session()
    assert shop.sim.complete_checkout(session["url"]).kind == "completed"
    again = shop.sim.complete_checkout(session["url"])
    assert (again.kind, again.code) == ("refused", "checkout_complete")
    assert len(shop.invoices()) == 1


@pytest.mark.parametrize(
    ("card", "code", "message"),
    [
        ("4000000000000002", "card_declined", "Your card was declined."),
        ("4000000000009995", "card_declined", "Your card has insufficient funds."),
        ("4000000000000069", "expired_card", "Your card has expired."),
        ("4000000000000341", "card_declined", "Your card was declined."),
        ("4242424242424241", "incorrect_number", "Your card number is incorrect."),
    ],
)
def test_a_refused_card_leaves_the_session_open(shop, card, code, message):
    session = shop.session()
    shop.sim.drop_events()
    refused = shop.sim.complete_checkout(session["url"], card=card)
    assert (refused.kind, refused.code, refused.message) == ("declined", code, message)
    assert shop.ask("GET", "/payment_methods", customer=shop.customer)["data"] == []
    assert shop.sim.events() == []
    assert shop.sim.complete_checkout(session["url"]).kind == "completed"


@pytest.mark.parametrize("card", ["4000002500003155", "4000002760003184"])
def test_a_bank_that_asks_is_answered_first(shop, card):
    session = shop.session()
    asked = shop.sim.complete_checkout(session["url"], card=card)
    assert (asked.kind, shop.invoices()) == ("authentication", [])
    assert shop.sim.complete_checkout(session["url"], card=card, authenticated=True).kind == "completed"
    assert [row["status"] for row in shop.invoices()] == ["paid"]


def test_a_trial_is_billed_when_it_ends(shop):
    session = shop.session(subscription_data={"trial_period_days": 14})
    shop.sim.complete_checkout(session["url"])
    after = shop.ask("GET", f"/checkout/sessions/{session['id']}")
    assert (after["amount_total"], after["payment_status"]) == (0, "no_payment_required")
    subscription = shop.subscription(after["subscription"])
    assert (subscription["status"], subscription["trial_end"]) == ("trialing", shop.sim.now + 14 * DAY)
    assert [(row["total"], row["status"]) for row in shop.invoices()] == [(0, "paid")]
    shop.sim.advance(days=11)
    assert [event["type"] for event in shop.sim.events("customer.subscription.trial_will_end")] != []
    shop.sim.advance(days=3, hours=1)
    assert shop.subscription(subscription["id"])["status"] == "active"
    assert [(row["total"], row["status"]) for row in shop.invoices()] == [(3000, "paid"), (0, "paid")]


@pytest.mark.parametrize(
    ("behaviour", "status", "event"),
    [
        ("cancel", "canceled", "customer.subscription.deleted"),
        ("pause", "paused", "customer.subscription.paused"),
    ],
)
def test_a_trial_without_a_card_ends_as_was_agreed(shop, behaviour, status, event):
    data = {"trial_period_days": 7, "trial_settings": {"end_behavior": {"missing_payment_method": behaviour}}}
    session = shop.session(subscription_data=data, payment_method_collection="if_required")
    assert shop.sim.complete_checkout(session["url"], card="").kind == "completed"
    id = shop.ask("GET", f"/checkout/sessions/{session['id']}")["subscription"]
    shop.sim.advance(days=8)
    assert shop.subscription(id)["status"] == status
    assert len(shop.sim.events(event)) == 1


def test_a_card_is_asked_for_unless_none_is_needed(shop):
    assert shop.sim.complete_checkout(shop.session()["url"], card="").code == "incomplete_number"
    wanted = shop.session(subscription_data={"trial_period_days": 7})
    assert shop.sim.complete_checkout(wanted["url"], card="").code == "incomplete_number"


def test_quantity_and_code_typed_on_the_page_count(shop):
    coupon = shop.ask("POST", "/coupons", percent_off=20, duration="forever")["id"]
    shop.ask("POST", "/promotion_codes", promotion={"type": "coupon", "coupon": coupon}, code="TWENTY")
    adjustable = {"enabled": "true", "minimum": 2, "maximum": 5}
    session = shop.session(
        allow_promotion_codes="true",
        line_items=[{"price": shop.pro, "quantity": 2, "adjustable_quantity": adjustable}],
    )
    for typed in ({"quantity": 6}, {"promotion_code": "NONSENSE"}):
        assert shop.sim.complete_checkout(session["url"], **typed).kind == "refused"
    done = shop.sim.complete_checkout(session["url"], quantity=3, promotion_code="twenty")
    assert done.kind == "completed"
    (invoice,) = shop.invoices()
    assert (invoice["subtotal"], invoice["total"], invoice["amount_paid"]) == (9000, 7200, 7200)
    assert invoice["total_discount_amounts"][0]["amount"] == 1800
    assert shop.ask("GET", f"/coupons/{coupon}")["times_redeemed"] == 1


def test_a_code_of_limited_number_is_sold_that_often(shop):
    coupon = shop.ask("POST", "/coupons", amount_off=500, currency="usd", duration="once")["id"]
    shop.ask(
        "POST",
        "/promotion_codes",
        promotion={"type": "coupon", "coupon": coupon},
        code="FIRST",
        max_redemptions=1,
    )
    kinds = []
    for _ in range(2):
        session = shop.session(allow_promotion_codes="true")
        kinds.append(shop.sim.complete_checkout(session["url"], promotion_code="FIRST").kind)
    assert kinds == ["completed", "refused"]


def test_a_one_off_purchase_is_a_payment(shop):
    price = shop.ask("POST", "/prices", product_data={"name": "Beta deal"}, currency="usd", unit_amount=9900)[
        "id"
    ]
    session = shop.session(
        mode="payment",
        line_items=[{"price": price, "quantity": 1}],
        payment_intent_data={"metadata": {"deal": "beta"}},
        invoice_creation={"enabled": "true"},
    )
    shop.sim.complete_checkout(session["url"])
    after = shop.ask("GET", f"/checkout/sessions/{session['id']}", expand=["payment_intent", "invoice"])
    assert (after["payment_status"], after["amount_total"], after["subscription"]) == ("paid", 9900, None)
    assert (after["payment_intent"]["status"], after["payment_intent"]["metadata"]) == (
        "succeeded",
        {"deal": "beta"},
    )
    assert (after["invoice"]["status"], after["invoice"]["total"]) == ("paid", 9900)


def test_a_stranger_becomes_a_customer(shop):
    session = shop.session(customer="")
    assert shop.sim.complete_checkout(session["url"], email="").param == "email"
    shop.sim.complete_checkout(session["url"], email="new@globex.example", name="Globex")
    after = shop.ask("GET", f"/checkout/sessions/{session['id']}", expand=["customer"])
    assert (after["customer"]["email"], after["customer_details"]["email"]) == ("new@globex.example",) * 2


def test_a_session_runs_out(shop):
    session = shop.session(expires_at=shop.sim.now + 1800)
    shop.sim.advance(seconds=1800)
    after = shop.ask("GET", f"/checkout/sessions/{session['id']}")
    assert (after["status"], after["url"]) == ("expired", None)
    assert shop.sim.complete_checkout(session["id"]).code == "checkout_expired"
    assert len(shop.sim.events("checkout.session.expired")) == 1


def test_the_page_shows_what_is_bought(shop):
    page = checkout.describe(shop.sim.core, shop.session()["id"])
    assert (page.products, page.total_minor, page.needs_card) == (["Pro"], 3000, True)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"mode": "payment"}, "line_items"),
        ({"allow_promotion_codes": "true", "discounts": [{"coupon": "x"}]}, "allow_promotion_codes"),
        ({"automatic_tax": {"enabled": "true"}}, "automatic_tax"),
        ({"tax_id_collection": {"enabled": "true"}}, "customer_update[name]"),
        ({"customer_email": "a@acme.example"}, "customer_email"),
        ({"success_url": ""}, "success_url"),
        ({"subscription_data": {"trial_period_days": 0}}, "subscription_data[trial_period_days]"),
    ],
)
def test_what_the_service_would_refuse_is_refused(shop, more, param):
    body = {"mode": "subscription", "customer": shop.customer, "success_url": "http://127.0.0.1/",
            "line_items": [{"price": shop.pro, "quantity": 1}]}  # fmt: skip
    refused = shop.refused("POST", "/checkout/sessions", **(body | more))
    assert (refused["status"], refused["param"]) == (400, param)
