"""Lives at the simulated payment service, from its signed events to our account, through the real SDK and dj-stripe."""

from datetime import timedelta

import djstripe.models as djstripe
import pytest
import stripe

from billing.plans.models import Plan
from billing.stripe import adoption, mirror, state, sync
from billing.stripe.client import PaymentRequestRefused, get_client
from billing.subscriptions.models import BillingAccount, BillingEvent, Grant
from billing.webhooks.models import WebhookEvent
from tests.billing import purchases
from tests.billing.purchases import ASKS_ALWAYS

pytestmark = pytest.mark.django_db


@pytest.fixture
def prices(stripe_sim, db) -> dict[str, str]:
    made = purchases.publish()
    stripe_sim.drop_events()
    return made


@pytest.fixture
def customer(stripe_sim, prices, acme) -> str:
    return purchases.make_customer(acme)


def account_of(acme) -> BillingAccount:
    return BillingAccount.objects.get(workspace_id=acme.id)


def plan(key: str) -> Plan:
    return Plan.objects.get(catalogue="alin", key=key, is_current=True)


def item_of(subscription_id: str) -> str:
    return get_client().v1.subscriptions.retrieve(subscription_id)["items"].data[0].id


def test_purchase_reaches_the_account_by_its_events(stripe_sim, prices, customer, acme):
    subscription_id = purchases.buy(stripe_sim, customer, prices["pro"])
    assert stripe_sim.deliver() > 7
    row = account_of(acme)
    assert (row.status, row.plan, row.interval) == ("active", plan("pro"), "month")
    assert (row.subscription_id, row.effective_plan) == (subscription_id, plan("pro"))
    assert (row.payment_method["brand"], row.payment_method["last4"]) == ("visa", "4242")
    assert row.period_end - row.period_start >= timedelta(days=28)
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {"done", "ignored"}
    ours = ("subscription.started", "invoice.paid", "checkout.completed")
    granted = Grant.objects.filter(workspace_id=acme.id, kind__in=ours).values_list("kind", flat=True)
    assert sorted(granted) == ["checkout.completed", "invoice.paid", "subscription.started"]


def test_mirror_follows(stripe_sim, prices, customer, acme, caplog):
    subscription_id = purchases.buy(stripe_sim, customer, prices["pro"])
    stripe_sim.deliver()
    assert djstripe.Customer.objects.get(id=customer).subscriber_id == acme.id
    mirrored = djstripe.Subscription.objects.get(id=subscription_id)
    assert (mirrored.stripe_data["status"], mirrored.customer.id) == ("active", customer)
    (invoice,) = djstripe.Invoice.objects.filter(customer__id=customer)
    assert (invoice.status, invoice.stripe_data["total"]) == ("paid", invoice.stripe_data["amount_paid"])
    assert djstripe.PaymentMethod.objects.get(customer__id=customer).stripe_data["card"]["last4"] == "4242"
    assert djstripe.Price.objects.get(id=prices["pro"]).product is not None
    assert "the mirror could not take an object" not in caplog.messages


def test_mirror_writes_only_what_is_new(stripe_sim, prices, customer, acme, assert_queries):
    purchases.buy(stripe_sim, customer, prices["pro"])
    stripe_sim.deliver()
    seen = state.fetch(customer)
    assert mirror.copy(seen, workspace_id=acme.id) == 0
    with assert_queries(5):
        mirror.copy(seen, workspace_id=acme.id)


def test_look_costs_four_calls(stripe_sim, prices, customer, monkeypatch):
    purchases.buy(stripe_sim, customer, prices["pro"])
    asked, ask = [], stripe._api_requestor._APIRequestor.request

    def count(self, method, url, *args, **more):
        asked.append(f"{method} {url}")
        return ask(self, method, url, *args, **more)

    monkeypatch.setattr(stripe._api_requestor._APIRequestor, "request", count)
    state.fetch(customer)
    assert asked == [
        f"get /v1/customers/{customer}", "get /v1/subscriptions", "get /v1/invoices", "get /v1/checkout/sessions",
    ]  # fmt: skip


def test_declined_renewal_is_overdue_and_a_new_card_recovers(stripe_sim, prices, customer, acme):
    subscription_id = purchases.buy(stripe_sim, customer, prices["pro"])
    bad = get_client().v1.payment_methods.attach("pm_card_chargeCustomerFail", params={"customer": customer})
    get_client().v1.subscriptions.update(subscription_id, params={"default_payment_method": bad.id})
    stripe_sim.deliver()
    assert account_of(acme).status == "active"
    stripe_sim.advance(days=32)
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.status, row.effective_plan) == ("past_due", plan("pro"))
    assert row.grace_ends_at - row.past_due_since == timedelta(days=7)
    assert row.past_due_since >= row.period_start
    assert Grant.objects.filter(workspace_id=acme.id, kind="invoice.failed").count() == 1
    method = get_client().v1.payment_methods.attach("pm_card_visa", params={"customer": customer})
    get_client().v1.subscriptions.update(subscription_id, params={"default_payment_method": method.id})
    (open_invoice,) = get_client().v1.invoices.list(params={"customer": customer, "status": "open"}).data
    get_client().v1.invoices.pay(open_invoice.id)
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.status, row.past_due_since, row.grace_ends_at, row.restricted_at) == (
        "active",
        None,
        None,
        None,
    )
    assert Grant.objects.filter(workspace_id=acme.id, kind="invoice.paid").count() == 2


def test_renewal_that_the_bank_wants_confirmed_leads_to_its_invoice(stripe_sim, prices, customer, acme):
    purchases.buy(stripe_sim, customer, prices["pro"], card=ASKS_ALWAYS)
    stripe_sim.deliver()
    assert account_of(acme).action_url == ""
    stripe_sim.advance(days=32)
    stripe_sim.deliver()
    row = account_of(acme)
    (open_invoice,) = get_client().v1.invoices.list(params={"customer": customer, "status": "open"}).data
    assert (row.status, row.action_url) == ("past_due", open_invoice.hosted_invoice_url)


def test_upgrade_at_once(stripe_sim, prices, customer, acme):
    subscription_id = purchases.buy(stripe_sim, customer, prices["pro"])
    stripe_sim.deliver()
    item = {"id": item_of(subscription_id), "price": prices["team"], "quantity": 4}
    get_client().v1.subscriptions.update(
        subscription_id, params={"items": [item], "proration_behavior": "always_invoice"}
    )
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.plan, row.quantity, row.effective_plan) == (plan("team"), 4, plan("team"))
    assert Grant.objects.filter(workspace_id=acme.id, kind="invoice.paid").count() == 2


def test_downgrade_at_the_end_of_the_period_is_pending_until_then(stripe_sim, prices, customer, acme):
    subscription_id = purchases.buy(stripe_sim, customer, prices["team"])
    schedules = get_client().v1.subscription_schedules
    made = schedules.create(params={"from_subscription": subscription_id})
    now = made.phases[0]
    present = {
        "items": [{"price": prices["team"], "quantity": 1}], "start_date": now.start_date, "end_date": now.end_date
    }  # fmt: skip
    later = {"items": [{"price": prices["pro"], "quantity": 1}]}
    schedules.update(made.id, params={"phases": [present, later], "end_behavior": "release"})
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.plan, row.pending_plan, row.pending_at) == (plan("team"), plan("pro"), row.period_end)
    assert row.schedule_id == made.id
    stripe_sim.advance(days=32)
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.plan, row.pending_plan, row.pending_at) == (plan("pro"), None, None)


def test_end_at_the_period_and_after_it(stripe_sim, prices, customer, acme):
    subscription_id = purchases.buy(stripe_sim, customer, prices["pro"])
    get_client().v1.subscriptions.update(subscription_id, params={"cancel_at_period_end": True})
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.status, row.cancels_at, row.effective_plan) == ("active", row.period_end, plan("pro"))
    stripe_sim.advance(days=32)
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.status, row.cancels_at, row.effective_plan) == ("canceled", None, plan("free"))
    assert Grant.objects.filter(key=f"subscription.ended:{subscription_id}").exists()


def test_trial_says_three_days_before_that_it_ends(stripe_sim, prices, customer, acme):
    subscription_id = purchases.buy(stripe_sim, customer, prices["pro"], trial_period_days=14)
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.status, row.effective_plan) == ("trialing", plan("pro"))
    assert row.trial_ends_at is not None
    stripe_sim.advance(days=12)
    stripe_sim.deliver()
    (grant,) = Grant.objects.filter(workspace_id=acme.id, kind="trial.will_end")
    assert grant.data["subscription"] == subscription_id
    stripe_sim.advance(days=5)
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.status, row.trial_ends_at) == ("active", None)


def test_second_purchase_after_an_end_counts(stripe_sim, prices, customer, acme):
    first = purchases.buy(stripe_sim, customer, prices["pro"])
    get_client().v1.subscriptions.cancel(first)
    second = purchases.buy(stripe_sim, customer, prices["team"])
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.subscription_id, row.plan, row.status) == (second, plan("team"), "active")
    started = Grant.objects.filter(workspace_id=acme.id, kind="subscription.started")
    assert {key.split(":")[1] for key in started.values_list("key", flat=True)} == {first, second}


def test_customer_that_is_deleted_there_is_let_go_here(stripe_sim, prices, customer, acme):
    purchases.buy(stripe_sim, customer, prices["pro"])
    stripe_sim.deliver()
    get_client().v1.customers.delete(customer)
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.stripe_customer_id, row.status, row.effective_plan) == (None, "none", plan("free"))


def test_events_of_a_customer_that_nobody_knows_give_it_to_its_workspace(stripe_sim, prices, acme):
    """We broke off after the customer was made and before its id was stored."""
    customer = purchases.make_customer(acme, is_known=False)
    purchases.buy(stripe_sim, customer, prices["pro"])
    stripe_sim.deliver()
    row = account_of(acme)
    assert (row.stripe_customer_id, row.status) == (customer, "active")
    assert BillingEvent.objects.filter(workspace_id=acme.id, kind="customer.adopted").count() == 1


@pytest.mark.parametrize("metadata", [{}, {"workspace_id": "nonsense"}, {"workspace_id": "0" * 32}])
def test_customer_of_something_else_is_left_alone(stripe_sim, prices, metadata):
    made = get_client().v1.customers.create(params={"email": "a@example.com", "metadata": metadata})
    assert adoption.adopt(made.id) is None
    purchases.buy(stripe_sim, made.id, prices["pro"])
    stripe_sim.deliver()
    assert not BillingAccount.objects.filter(stripe_customer_id=made.id).exists()
    codes = WebhookEvent.objects.filter(type="invoice.paid").values_list("state", "error_code")
    assert list(codes) == [("ignored", "customer_unknown")]


def test_second_customer_of_a_workspace_is_not_taken(stripe_sim, prices, customer, acme):
    second = get_client().v1.customers.create(params={"metadata": {"workspace_id": str(acme.id)}})
    assert adoption.adopt(second.id) is None
    assert account_of(acme).stripe_customer_id == customer


def test_customer_that_the_service_forgot_changes_nothing(stripe_sim, prices, customer, acme):
    """As when somebody empties the test account there."""
    purchases.buy(stripe_sim, customer, prices["pro"])
    stripe_sim.deliver()
    stripe_sim.reset()
    with pytest.raises(PaymentRequestRefused) as refused:
        sync.sync_customer(customer)
    assert refused.value.is_missing
    assert account_of(acme).status == "active"
