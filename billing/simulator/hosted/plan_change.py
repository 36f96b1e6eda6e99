"""Another plan or quantity by the portal, as it allows: at once with proration, or at the period's end."""

from dataclasses import dataclass
from typing import Any

from billing.simulator.core.errors import Json
from billing.simulator.hosted import asking, money, portal, words
from billing.simulator.hosted.portal import Portal
from billing.simulator.hosted.words import Bill, Line

MONTHS = {"day": 0, "week": 0, "month": 1, "year": 12}


@dataclass(frozen=True)
class Option:
    value: str
    name: str
    price: str
    note: str
    is_checked: bool


@dataclass(frozen=True)
class Change:
    """What was chosen for a subscription."""

    subscription: Json
    price: Json
    quantity: int
    is_later: bool

    @property
    def item(self) -> Json:
        return portal.plan_items(self.subscription)[0]

    @property
    def is_none(self) -> bool:
        return self.price["id"] == self.item["price"]["id"] and self.quantity == (
            self.item.get("quantity") or 1
        )


def list_options(portal_: Portal, subscription: Json, *, chosen: str = "") -> list[Option]:
    present = portal.plan_items(subscription)[0]["price"]["id"]
    found = []
    for row in _feature(portal_).get("products") or []:
        product = asking.get(f"/products/{row['product']}")
        for price_id in row["prices"]:
            price = asking.get(f"/prices/{price_id}")
            note = "now" if price_id == present else ""
            found.append(
                Option(price_id, product["name"], words.price(price), note, price_id == (chosen or present))
            )
    return found


def allows_quantity(portal_: Portal) -> bool:
    return "quantity" in (_feature(portal_).get("default_allowed_updates") or [])


def _feature(portal_: Portal) -> Json:
    return dict(portal_.features.get("subscription_update") or {})


def choose(portal_: Portal, subscription: Json, *, price_id: str, quantity: int) -> Change:
    """Raises Refusal for an unknown price."""
    price = asking.get(f"/prices/{price_id}")
    return Change(subscription, price, quantity, _is_later(portal_, subscription, price, quantity))


def _is_later(portal_: Portal, subscription: Json, price: Json, quantity: int) -> bool:
    """Whether a condition of the configuration puts it off to the end of the period."""
    conditions = (_feature(portal_).get("schedule_at_period_end") or {}).get("conditions") or []
    kinds = {row["type"] for row in conditions}
    item = portal.plan_items(subscription)[0]
    was, will_be = item["price"], price
    cheaper = (will_be["unit_amount"] or 0) * quantity < (was["unit_amount"] or 0) * (
        item.get("quantity") or 1
    )
    shorter = _months(will_be) < _months(was)
    same_interval = _months(will_be) == _months(was)
    by_amount = "decreasing_item_amount" in kinds and cheaper and same_interval
    return by_amount or ("shortening_interval" in kinds and shorter)


def _months(price: Json) -> int:
    recurring = price["recurring"]
    return MONTHS[recurring["interval"]] * int(recurring.get("interval_count") or 1)


def preview(portal_: Portal, change: Change) -> Bill:
    """Raises Refusal."""
    currency, text = change.price["currency"], words.price(change.price, change.quantity)
    name = portal.product_of(change.price)["name"]
    if change.is_later:
        ends_at = change.item["current_period_end"]
        lines = [Line(name, text, f"from {words.day(ends_at)}")]
        return Bill(
            lines, Line("Due today", money.as_text(0, currency)), after="Until then your plan stays as it is."
        )
    wanted = {"items": [_wanted_item(change)], "proration_behavior": _behavior(portal_)}
    invoice = asking.post(
        "/invoices/create_preview",
        customer=portal_.customer,
        subscription=change.subscription["id"],
        subscription_details=wanted,
    )
    label = "Due today" if _behavior(portal_) == "always_invoice" else "On the next invoice"
    return portal.bill_of(invoice, total_label=label, after=f"{name}: {text}.")


def carry_out(portal_: Portal, change: Change) -> None:
    """Raises Refusal, of a card too."""
    if change.is_later:
        _put_off(change)
        return
    asking.post(
        f"/subscriptions/{change.subscription['id']}",
        items=[_wanted_item(change)],
        proration_behavior=_behavior(portal_),
        payment_behavior="error_if_incomplete",
    )


def _wanted_item(change: Change) -> Json:
    return {"id": change.item["id"], "price": change.price["id"], "quantity": str(change.quantity)}


def _behavior(portal_: Portal) -> str:
    return str(_feature(portal_).get("proration_behavior") or "create_prorations")


def _put_off(change: Change) -> None:
    """A schedule: the present phase to its end, then the new one, then the subscription goes on by itself."""
    schedule = asking.post("/subscription_schedules", from_subscription=change.subscription["id"])
    present = schedule["phases"][0]
    now: dict[str, Any] = {
        "items": [
            {"price": each["price"], "quantity": str(each.get("quantity") or 1)} for each in present["items"]
        ],
        "start_date": str(present["start_date"]),
        "end_date": str(present["end_date"]),
    }
    recurring = change.price["recurring"]
    later = {
        "items": [{"price": change.price["id"], "quantity": str(change.quantity)}],
        "duration": {
            "interval": recurring["interval"],
            "interval_count": str(recurring.get("interval_count") or 1),
        },
        "proration_behavior": "none",
    }
    asking.post(f"/subscription_schedules/{schedule['id']}", phases=[now, later], end_behavior="release")
