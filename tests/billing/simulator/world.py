"""A small business at the simulated service: what tests of it begin with."""

from dataclasses import dataclass
from typing import Any

import stripe

from tests.billing.stripe_sim import StripeSim

DAY = 86_400


@dataclass
class Shop:
    """Two plans that are paid in advance, one by the year, one meter, and a customer."""

    sim: StripeSim
    client: stripe.StripeClient
    customer: str
    pro: str
    max: str
    yearly: str
    metered: str
    meter: str

    def ask(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        """Straight to the core; the answer must be 200."""
        answer = self.sim.core.request(method, "/v1" + path, params)
        assert answer.status == 200, answer.body
        return answer.body

    def refused(self, method: str, path: str, **params: Any) -> dict[str, Any]:
        answer = self.sim.core.request(method, "/v1" + path, params)
        assert answer.status >= 400, answer.body
        return answer.body["error"] | {"status": answer.status}

    def add_card(self, card: str = "pm_card_visa", customer: str = "") -> str:
        method = self.ask("POST", f"/payment_methods/{card}/attach", customer=customer or self.customer)
        settings = {"default_payment_method": method["id"]}
        self.ask("POST", f"/customers/{customer or self.customer}", invoice_settings=settings)
        return str(method["id"])

    def subscribe(self, price: str = "", *, quantity: int | None = None, **more: Any) -> dict[str, Any]:
        item: dict[str, Any] = {"price": price or self.pro}
        if quantity is not None:
            item["quantity"] = quantity
        return self.ask("POST", "/subscriptions", customer=self.customer, items=[item], **more)

    def subscription(self, id: str) -> dict[str, Any]:
        return self.ask("GET", f"/subscriptions/{id}")

    def invoices(self, **wanted: Any) -> list[dict[str, Any]]:
        return list(self.ask("GET", "/invoices", customer=self.customer, limit=100, **wanted)["data"])

    def session(self, price: str = "", **more: Any) -> dict[str, Any]:
        wanted = {
            "mode": "subscription",
            "customer": self.customer,
            "success_url": "http://127.0.0.1/done?session={CHECKOUT_SESSION_ID}",
            "line_items": [{"price": price or self.pro, "quantity": 1}],
        }
        return self.ask("POST", "/checkout/sessions", **(wanted | more))


def open_shop(sim: StripeSim) -> Shop:
    core = sim.core

    def post(path: str, **params: Any) -> dict[str, Any]:
        answer = core.request("POST", "/v1" + path, params)
        assert answer.status == 200, answer.body
        return answer.body

    def price(name: str, amount: int, interval: str = "month") -> str:
        product = post("/products", name=name)["id"]
        body = post(
            "/prices",
            product=product,
            currency="usd",
            unit_amount=amount,
            recurring={"interval": interval},
            lookup_key=f"{name.lower()}_{interval}",
        )
        return str(body["id"])

    meter = post(
        "/billing/meters",
        display_name="AI usage",
        event_name="ai_usage",
        default_aggregation={"formula": "sum"},
    )["id"]
    metered = post(
        "/prices",
        product=post("/products", name="AI usage")["id"],
        currency="usd",
        unit_amount_decimal="0.5",
        recurring={"interval": "month", "usage_type": "metered", "meter": meter},
    )["id"]
    customer = post("/customers", email="owner@acme.example", name="Acme")["id"]
    pro, most, yearly = price("Pro", 3000), price("Max", 9000), price("Pro", 30_000, "year")
    return Shop(sim, sim.client, customer, pro, most, yearly, metered, meter)
