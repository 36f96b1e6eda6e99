"""The same billing life at the simulated service and, for who asks for it, at Stripe's own test mode.

Opt-in: `STRIPE_TEST_KEY=sk_test_… ./dev test tests/billing/simulator/test_same_at_stripe.py` makes objects in that
account's test mode (on a test clock, deleted afterwards) and needs the network. It is never run by itself.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import stripe
from django.conf import settings

from tests.billing.simulator.sdk_shapes import problems
from tests.billing.simulator.world import DAY

KEY = os.environ.get("STRIPE_TEST_KEY", "")
OPT_IN = pytest.mark.skipif(
    not KEY, reason="opt-in: set STRIPE_TEST_KEY to a test key to run this against Stripe's test mode"
)
PATIENCE_S = 120


class Account:
    """An account of either service, with a clock that can be moved."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self.client = client
        self.seen: list[dict[str, Any]] = []

    @property
    def now(self) -> int: ...

    def advance(self, days: int, hours: int = 0) -> None: ...

    def make_customer(self) -> str:
        return str(self.client.v1.customers.create(self.customer_params()).id)

    def customer_params(self) -> dict[str, Any]:
        return {"email": "owner@acme.example", "name": "Acme"}

    def make_price(self, amount: int) -> str:
        product = self.client.v1.products.create({"name": f"Plan {amount}"})
        wanted = {
            "product": product.id,
            "currency": "usd",
            "unit_amount": amount,
            "recurring": {"interval": "month"},
        }
        return str(self.client.v1.prices.create(wanted).id)

    def use_card(self, customer: str, token: str) -> str:
        method = self.client.v1.payment_methods.attach(token, {"customer": customer})
        self.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})
        return str(method.id)

    def plain(self, obj: Any) -> dict[str, Any]:
        return json.loads(str(obj))


class Simulated(Account):
    def __init__(self, sim) -> None:
        super().__init__(sim.client)
        self.sim = sim

    @property
    def now(self) -> int:
        return self.sim.now

    def advance(self, days: int, hours: int = 0) -> None:
        self.sim.advance(days=days, hours=hours)


class Real(Account):
    def __init__(self) -> None:
        super().__init__(stripe.StripeClient(KEY, stripe_version=settings.STRIPE_API_VERSION))
        clocks = self.client.v1.test_helpers.test_clocks
        self.clock = clocks.create({"frozen_time": int(time.time()), "name": "steward tests"}).id

    @property
    def now(self) -> int:
        return int(self.client.v1.test_helpers.test_clocks.retrieve(self.clock).frozen_time)

    def customer_params(self) -> dict[str, Any]:
        return super().customer_params() | {"test_clock": self.clock}

    def advance(self, days: int, hours: int = 0) -> None:
        clocks = self.client.v1.test_helpers.test_clocks
        clocks.advance(self.clock, {"frozen_time": self.now + days * DAY + hours * 3600})
        deadline = time.monotonic() + PATIENCE_S
        while clocks.retrieve(self.clock).status != "ready":
            assert time.monotonic() < deadline, "the test clock did not get there"
            time.sleep(1)

    def close(self) -> None:
        self.client.v1.test_helpers.test_clocks.delete(self.clock)


@pytest.fixture(params=["simulated", pytest.param("stripe", marks=OPT_IN)])
def account(request) -> Iterator[Account]:
    if request.param == "simulated":
        yield Simulated(request.getfixturevalue("sim"))
        return
    assert KEY.startswith(("sk_test_", "rk_test_")), "only a test key may be used here"
    real = Real()
    yield real
    real.close()


def subscribe(account: Account, customer: str, price: str, **more: Any) -> Any:
    return account.client.v1.subscriptions.create({"customer": customer, "items": [{"price": price}], **more})


def newest_invoice(account: Account, customer: str) -> Any:
    return account.client.v1.invoices.list({"customer": customer, "limit": 1}).data[0]


def test_a_life(account):
    """Subscribed, upgraded half-way, renewed, cancelled, gone."""
    small, large = account.make_price(3000), account.make_price(9000)
    customer = account.make_customer()
    account.use_card(customer, "pm_card_visa")
    subscription = subscribe(account, customer, small)
    assert (subscription.status, newest_invoice(account, customer).amount_paid) == ("active", 3000)
    item = subscription["items"].data[0]
    half = (item.current_period_end - item.current_period_start) // 2
    account.advance(0, half // 3600)
    change = {
        "items": [{"id": item.id, "price": large}],
        "proration_behavior": "always_invoice",
        "proration_date": item.current_period_start + half,
    }
    preview = account.client.v1.invoices.create_preview(
        {"subscription": subscription.id, "subscription_details": change}
    )
    account.client.v1.subscriptions.update(subscription.id, change)
    upgrade = newest_invoice(account, customer)
    assert sorted(line.amount for line in upgrade.lines.data) == [-1500, 4500]
    assert (preview.total, upgrade.total, upgrade.status) == (3000, 3000, "paid")
    account.advance(17)
    assert newest_invoice(account, customer).amount_paid == 9000
    changed = account.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert changed.cancel_at == changed["items"].data[0].current_period_end
    account.advance(32)
    assert account.client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_a_failed_renewal(account):
    price, customer = account.make_price(3000), account.make_customer()
    account.use_card(customer, "pm_card_visa")
    subscription = subscribe(account, customer, price)
    account.use_card(customer, "pm_card_chargeCustomerFail")
    account.advance(31, 12)
    assert account.client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    failed = newest_invoice(account, customer)
    assert (failed.status, failed.attempt_count, failed.amount_remaining) == ("open", 1, 3000)
    good = account.use_card(customer, "pm_card_visa")
    account.client.v1.invoices.pay(failed.id, {"payment_method": good})
    assert account.client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_trial(account):
    price, customer = account.make_price(3000), account.make_customer()
    ends = {"end_behavior": {"missing_payment_method": "cancel"}}
    subscription = subscribe(account, customer, price, trial_period_days=7, trial_settings=ends)
    assert (subscription.status, newest_invoice(account, customer).total) == ("trialing", 0)
    account.advance(7, 2)
    assert account.client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_refusals(account):
    customer = account.make_customer()
    with pytest.raises(stripe.CardError) as declined:
        account.client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer})
    assert (declined.value.code, declined.value.error.decline_code) == ("card_declined", "generic_decline")
    with pytest.raises(stripe.InvalidRequestError) as missing:
        account.client.v1.prices.retrieve("price_nothing")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        account.client.v1.products.create({"name": "x", "colour": "red"})
    assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "colour")
    key = f"steward-{uuid.uuid4()}"
    account.client.v1.products.create({"name": "a"}, {"idempotency_key": key})
    with pytest.raises(stripe.IdempotencyError):
        account.client.v1.products.create({"name": "b"}, {"idempotency_key": key})


def test_credit(account):
    price, customer = account.make_price(3000), account.make_customer()
    account.use_card(customer, "pm_card_visa")
    credit = {"amount": -1000, "currency": "usd"}
    assert account.client.v1.customers.balance_transactions.create(customer, credit).ending_balance == -1000
    subscribe(account, customer, price)
    invoice = newest_invoice(account, customer)
    assert (invoice.total, invoice.starting_balance, invoice.ending_balance, invoice.amount_paid) == (
        3000,
        -1000,
        0,
        2000,
    )


def test_a_meter(account):
    name, customer = f"steward_{uuid.uuid4().hex[:12]}", account.make_customer()
    account.client.v1.billing.meters.create(
        {"display_name": "Steward", "event_name": name, "default_aggregation": {"formula": "sum"}}
    )
    event = {
        "event_name": name,
        "identifier": name,
        "payload": {"stripe_customer_id": customer, "value": "5"},
    }
    account.client.v1.billing.meter_events.create(event)
    with pytest.raises(stripe.InvalidRequestError, match="An event already exists with identifier"):
        account.client.v1.billing.meter_events.create(event)


def test_shapes(account):
    """What the real service answers passes the same check as what the simulated one does."""
    price, customer = account.make_price(3000), account.make_customer()
    account.use_card(customer, "pm_card_visa")
    subscription = subscribe(account, customer, price)
    client = account.client.v1
    shown = [
        client.customers.retrieve(customer),
        client.prices.retrieve(price, {"expand": ["product"]}),
        client.subscriptions.retrieve(
            subscription.id, {"expand": ["latest_invoice", "default_payment_method"]}
        ),
        client.payment_methods.list({"customer": customer}).data[0],
        client.charges.list({"customer": customer}).data[0],
    ]
    assert [problem for obj in shown for problem in problems(account.plain(obj))] == []
