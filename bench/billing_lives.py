"""The life of a checkout in seven events, lived once at a simulated payment service of its own: bought, changed to a
dearer plan, renewed, and told to end."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock
from uuid import UUID

import stripe
from django.conf import settings

from bench.webhook_orders import Happening, Life
from billing.plans import queries as plans
from billing.plans.models import PlanPrice
from billing.reconciliation import services as reconciliation
from billing.simulator.core import Core, checkout, clock, events
from billing.simulator.store import MemoryStore
from billing.simulator.transport import InProcessClient
from billing.stripe import adoption, mirror, state
from billing.stripe.state import CustomerState
from billing.subscriptions.models import BillingAccount

TYPES = (
    ("checkout.session.completed", "customer.subscription.created", "invoice.paid"),
    ("customer.subscription.updated", "invoice.paid"),
    ("invoice.paid",),
    ("customer.subscription.updated",),
)
"""Of all that each step tells, what counts: seven events."""
CARD = "4242424242424242"


class Account:
    """A payment service without a past, in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.core = Core(self.store)
        self.client = stripe.StripeClient(
            settings.STRIPE_SECRET_KEY,
            http_client=InProcessClient(self.store),
            stripe_version=settings.STRIPE_API_VERSION,
        )
        with self.store.transaction() as books:
            clock.set_to(books, int(time.time()), stands=True)
        self.prices = {key: self.make_price(amount) for key, amount in (("pro", 2900), ("team", 9900))}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """The product and dj-stripe speak to this service."""
        with ExitStack() as stack:
            for module in (state, adoption, mirror, reconciliation):
                stack.enter_context(mock.patch.object(module, "get_client", lambda: self.client))
            stack.enter_context(mock.patch.object(stripe, "default_http_client", InProcessClient(self.store)))
            yield

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Its prices are those of the plans, until the end."""
        former = dict(PlanPrice.objects.values_list("pk", "stripe_price_id"))
        self.publish()
        try:
            yield
        finally:
            for pk, price_id in former.items():
                PlanPrice.objects.filter(pk=pk).exclude(stripe_price_id=price_id).update(
                    stripe_price_id=price_id
                )

    def publish(self) -> None:
        for key, price_id in self.prices.items():
            price = plans.price_of(plans.get_plan(key), "month")
            PlanPrice.objects.filter(pk=price.pk).exclude(stripe_price_id=price_id).update(
                stripe_price_id=price_id
            )

    def look(self, customer_id: str) -> CustomerState:
        with mock.patch.object(state, "get_client", lambda: self.client):
            return state.fetch(customer_id)

    def take_events(self) -> list[dict[str, Any]]:
        with self.core.desk() as desk:
            taken = events.undelivered(desk)
            events.drop(desk)
            return taken

    def make_price(self, amount_minor: int) -> str:
        product = self.client.v1.products.create(params={"name": "Plan"})
        price = self.client.v1.prices.create(
            params={
                "product": product.id,
                "currency": "usd",
                "unit_amount": amount_minor,
                "recurring": {"interval": "month"},
            }
        )
        return price.id

    def make_customer(self, workspace_id: UUID) -> str:
        metadata = {"workspace_id": str(workspace_id)}
        return self.client.v1.customers.create(params={"email": "owner@example.com", "metadata": metadata}).id

    def buy(self, customer_id: str, price_id: str) -> str:
        """Returns the subscription's id."""
        session = self.client.v1.checkout.sessions.create(
            params={
                "mode": "subscription",
                "customer": customer_id,
                "success_url": "http://127.0.0.1/done",
                "line_items": [{"price": price_id, "quantity": 1}],
            }
        )
        assert checkout.complete(self.core, session.id, card=CARD).kind == checkout.COMPLETED
        (made,) = self.client.v1.subscriptions.list(params={"customer": customer_id}).data
        return made.id

    def know(self, workspace_id: UUID, customer_id: str) -> None:
        BillingAccount.objects.update_or_create(
            workspace_id=workspace_id, defaults={"stripe_customer_id": customer_id}
        )

    def live_a_day(self, subscription_id: str, kind: int) -> None:
        """0: nothing happens; 1: a dearer plan; 2: told to end; 3: ended."""
        if kind == 1:
            change_to(self, subscription_id, self.prices["team"])
        elif kind == 2:
            self.client.v1.subscriptions.update(subscription_id, params={"cancel_at_period_end": True})
        elif kind == 3:
            self.client.v1.subscriptions.cancel(subscription_id)


def record(account: Account, workspace_id: UUID) -> Life:
    """Lives it. The plans are the catalogue's `pro` and `team`."""
    prices = account.prices
    customer_id = account.make_customer(workspace_id)
    account.take_events()
    worlds, happenings = [account.look(customer_id)], list[Happening]()

    def note(types: tuple[str, ...]) -> None:
        worlds.append(account.look(customer_id))
        told = account.take_events()
        for name in types:
            (event,) = [row for row in told if row["type"] == name]
            body = json.dumps(event).encode()
            happenings.append(Happening(body, event["id"], name, len(worlds) - 1))

    subscription_id = account.buy(customer_id, prices["pro"])
    note(TYPES[0])
    change_to(account, subscription_id, prices["team"])
    note(TYPES[1])
    account.core.advance(seconds=32 * 86_400)
    note(TYPES[2])
    account.client.v1.subscriptions.update(subscription_id, params={"cancel_at_period_end": True})
    note(TYPES[3])
    return Life(
        customer_id=customer_id,
        happenings=tuple(happenings),
        worlds=tuple(worlds),
        facts=_facts(subscription_id, worlds[-1]),
        grants=_grants(subscription_id, worlds[-1]),
    )


def change_to(account: Account, subscription_id: str, price_id: str) -> None:
    (item,) = account.client.v1.subscriptions.retrieve(subscription_id)["items"].data
    account.client.v1.subscriptions.update(
        subscription_id,
        params={
            "items": [{"id": item.id, "price": price_id, "quantity": 3}],
            "proration_behavior": "always_invoice",
        },
    )


def _facts(subscription_id: str, end: CustomerState) -> dict[str, Any]:
    assert end.subscription is not None
    (item,) = end.subscription.items
    team = plans.get_plan("team")
    return {
        "subscription_id": subscription_id, "status": "active", "plan": team, "effective_plan": team,
        "interval": "month", "quantity": 3, "period_start": item.period_start, "period_end": item.period_end,
        "cancels_at": item.period_end, "trial_ends_at": None, "pending_plan": None, "past_due_since": None,
        "grace_ends_at": None, "restricted_at": None, "balance_minor": 0, "action_url": "",
    }  # fmt: skip


def _grants(subscription_id: str, end: CustomerState) -> frozenset[str]:
    """Bought, changed, renewed: three invoices."""
    assert len(end.invoices) == 3
    (session,) = end.sessions
    return frozenset(
        {
            f"subscription.started:{subscription_id}",
            f"checkout.completed:{session.id}",
            *(f"invoice.paid:{row.id}" for row in end.invoices),
        }
    )
