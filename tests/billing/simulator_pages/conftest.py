"""A shop at the simulated payment service, made over its API, and a browser on its pages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from billing.simulator.core import Core
from billing.simulator.transport import get_core
from tests import factories

NOTICE = "Simulated payments — no money moves"
SUCCESS = "http://127.0.0.1:8000/done/?session={CHECKOUT_SESSION_ID}"
CARD = {"number": "4242 4242 4242 4242", "expiry": "12 / 44", "cvc": "123", "name": "Ada Lovelace"}


@dataclass
class Shop:
    """Two plans: Pro for $19 a month or $190 a year, Team for $49 a month."""

    core: Core
    monthly: str
    yearly: str
    team: str
    products: dict[str, str]

    def ask(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        response = self.core.request(method, f"/v1{path}", params, {})
        assert response.status == 200, response.body
        return dict(response.body)

    def post(self, path: str, **params: Any) -> dict[str, Any]:
        return self.ask("POST", path, **params)

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return self.ask("GET", path, **params)

    def customer(self, **params: Any) -> str:
        return str(self.post("/customers", **({"email": "ada@example.test", "name": "Ada"} | params))["id"])

    def checkout(self, **params: Any) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "mode": "subscription",
            "line_items": [{"price": self.monthly, "quantity": "1"}],
            "success_url": SUCCESS,
            "cancel_url": "http://127.0.0.1:8000/plans/",
        }
        return self.post("/checkout/sessions", **(wanted | params))

    def subscription(self, card: str = "pm_card_visa", **params: Any) -> dict[str, Any]:
        """One that began with a card, of a new customer."""
        customer = self.customer()
        method = self.post(f"/payment_methods/{card}/attach", customer=customer)["id"]
        self.post(f"/customers/{customer}", invoice_settings={"default_payment_method": method})
        items = [{"price": self.monthly, "quantity": "1"}]
        return self.post("/subscriptions", **({"customer": customer, "items": items} | params))

    def portal(self, customer: str, **params: Any) -> dict[str, Any]:
        back = "http://127.0.0.1:8000/billing/"
        return self.post("/billing_portal/sessions", customer=customer, return_url=back, **params)

    def kept(self) -> str:
        """Everything in the books, as text."""
        with self.core.store.transaction() as books:
            kinds = books._backend.connection.execute(
                "SELECT data::text || meta::text FROM stripe_simulator_object"
            )
            return "\n".join(row[0] for row in kinds)


@pytest.fixture
def shop(django_db_setup) -> Iterator[Shop]:
    core = get_core()
    core.store.clear()
    shop = Shop(core, "", "", "", {})
    for key, name in (("pro", "Pro"), ("team", "Team")):
        shop.products[key] = shop.post("/products", name=name)["id"]
    shop.monthly = make_price(shop, "pro", 1900, "month")
    shop.yearly = make_price(shop, "pro", 19_000, "year")
    shop.team = make_price(shop, "team", 4900, "month")
    yield shop
    core.store.clear()


def make_price(shop: Shop, product: str, amount: int, interval: str) -> str:
    price = shop.post(
        "/prices",
        product=shop.products[product],
        currency="usd",
        unit_amount=str(amount),
        recurring={"interval": interval},
    )
    return str(price["id"])


class Visitor:
    """A browser without scripts. `get` and `post` take an address as the API gave it."""

    def __init__(self, **options: Any) -> None:
        self.client = factories.browser(**options)

    def get(self, url: str):
        return self.client.get(path_of(url))

    def post(self, url: str, **data: Any):
        return self.client.post(path_of(url), data)


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.fixture
def visitor(db) -> Visitor:
    return Visitor()


def text_of(response) -> str:
    return str(response.content.decode())


def events_of(shop: Shop) -> list[str]:
    with shop.core.desk() as desk:
        return [event["type"] for event in desk.oldest("event")]


def dump(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
