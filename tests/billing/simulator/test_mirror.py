"""dj-stripe, which asks by the SDK's module-level calls, keeps its mirror of the simulated service."""

import djstripe.models as mirror
import pytest
import stripe

from tests.billing.simulator.world import open_shop


@pytest.fixture
def bought(stripe_sim, db):
    shop = open_shop(stripe_sim)
    coupon = shop.ask("POST", "/coupons", percent_off=50, duration="forever")["id"]
    session = shop.session(discounts=[{"coupon": coupon}])
    assert stripe_sim.complete_checkout(session["url"]).kind == "completed"
    return shop, shop.ask("GET", f"/checkout/sessions/{session['id']}")


def test_the_mirror_takes_every_kind(bought):
    shop, session = bought
    customer = mirror.Customer.sync_from_stripe_data(stripe.Customer.retrieve(shop.customer))
    assert (customer.email, customer.livemode) == ("owner@acme.example", False)
    price = mirror.Price.sync_from_stripe_data(
        stripe.Price.retrieve(shop.pro, expand=mirror.Price.expand_fields)
    )
    assert price.product.stripe_data["name"] == "Pro"
    subscription = mirror.Subscription.sync_from_stripe_data(
        stripe.Subscription.retrieve(session["subscription"])
    )
    assert (subscription.stripe_data["status"], subscription.customer_id) == ("active", shop.customer)
    assert [item.stripe_data["price"]["id"] for item in subscription.items.all()] == [shop.pro]
    found = stripe.Invoice.retrieve(session["invoice"], expand=mirror.Invoice.expand_fields)
    invoice = mirror.Invoice.sync_from_stripe_data(found)
    assert (invoice.status, invoice.total) == ("paid", 1500)
    method = stripe.PaymentMethod.retrieve(subscription.stripe_data["default_payment_method"])
    assert mirror.PaymentMethod.sync_from_stripe_data(method).stripe_data["card"]["last4"] == "4242"
    checkout = mirror.Session.sync_from_stripe_data(stripe.checkout.Session.retrieve(session["id"]))
    assert checkout.stripe_data["status"] == "complete"
    intent = stripe.PaymentIntent.list(customer=shop.customer).data[0]
    assert mirror.PaymentIntent.sync_from_stripe_data(intent).stripe_data["status"] == "succeeded"


def test_the_mirror_takes_every_event(bought):
    """As its own webhook would: each event's object is fetched again."""
    taken = []
    for event in bought[0].sim.events():
        found = mirror.Event.process(data=event)
        taken.append(found.type)
    assert "customer.subscription.created" in taken
    assert mirror.Event.objects.count() == len(taken) > 10
