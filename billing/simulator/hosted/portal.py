"""What the customer portal shows and does, over the API of the service."""

from dataclasses import dataclass
from typing import Any

from billing.simulator.core.errors import Json
from billing.simulator.hosted import asking, money, words
from billing.simulator.hosted.words import Badge, Bill, Line
from billing.simulator.transport import get_core

SESSION = "billing_portal.session"
LIVE = ("active", "trialing", "past_due", "unpaid", "paused")
MOST_INVOICES = 24


@dataclass(frozen=True)
class Portal:
    """One portal session: whose it is, what its configuration lets them do, and where it leads back to."""

    id: str
    customer: str
    return_url: str
    flow: Json
    features: Json

    def allows(self, feature: str) -> bool:
        return bool(self.features.get(feature, {}).get("enabled"))


@dataclass(frozen=True)
class Plan:
    """A subscription as shown. `can_cancel`, `can_resume` and `can_change` hold for this one now."""

    id: str
    title: str
    price: str
    badge: Badge
    text: str
    can_cancel: bool
    can_resume: bool
    can_change: bool


@dataclass(frozen=True)
class StoredCard:
    id: str
    title: str
    expires: str
    is_default: bool
    can_remove: bool


@dataclass(frozen=True)
class InvoiceRow:
    title: str
    date: str
    amount: str
    badge: Badge
    url: str
    pdf_url: str
    is_open: bool

    @property
    def sentence(self) -> str:
        return f"{self.title} of {self.date}: {self.amount}."


def open_portal(session_id: str) -> Portal | None:
    with get_core().desk() as desk:
        session = desk.get(SESSION, session_id)
    if session is None:
        return None
    configuration = asking.get(f"/billing_portal/configurations/{session['configuration']}")
    return Portal(
        session["id"],
        session["customer"],
        session["return_url"] or "",
        session.get("flow") or {},
        configuration["features"],
    )


def list_live(portal: Portal) -> list[Json]:
    return _live_of(portal.customer)


def _live_of(customer: str) -> list[Json]:
    found = asking.rows("/subscriptions", customer=customer, status="all", limit=100)
    return [each for each in found if each["status"] in LIVE]


def list_plans(portal: Portal) -> list[Plan]:
    return [_plan(portal, each) for each in list_live(portal)]


def _plan(portal: Portal, subscription: Json) -> Plan:
    items = plan_items(subscription)
    ends = bool(subscription["cancel_at_period_end"] or subscription["cancel_at"])
    coming = _coming(subscription) if subscription["schedule"] else ""
    return Plan(
        id=subscription["id"],
        title=" + ".join(_title(item) for item in items),
        price=" + ".join(words.price(item["price"], _quantity(item)) for item in items),
        badge=Badge("Ends soon", "warning") if ends else words.SUBSCRIPTION_BADGES[subscription["status"]],
        text=coming or _next_step(portal, subscription),
        can_cancel=portal.allows("subscription_cancel") and not ends,
        can_resume=portal.allows("subscription_cancel") and bool(subscription["cancel_at_period_end"]),
        can_change=portal.allows("subscription_update") and not ends and not subscription["schedule"],
    )


def plan_items(subscription: Json) -> list[Json]:
    """What is paid in advance; usage is billed beside it and is nobody's choice here. The first is the plan."""
    items: list[Json] = subscription["items"]["data"]
    licensed = [item for item in items if item["price"]["recurring"]["usage_type"] == "licensed"]
    return licensed or items


def _title(item: Json) -> str:
    name = str(product_of(item["price"])["name"])
    return f"{name} × {_quantity(item)}" if _quantity(item) > 1 else name


def _quantity(item: Json) -> int:
    return int(item.get("quantity") or 1)


def product_of(price: Json) -> Json:
    return asking.get(f"/products/{price['product']}")


def _coming(subscription: Json) -> str:
    """What a schedule has in store after the present phase."""
    schedule = asking.get(f"/subscription_schedules/{subscription['schedule']}")
    begins_at: int = (schedule["current_phase"] or {"end_date": 0})["end_date"]
    later = [phase for phase in schedule["phases"] if phase["start_date"] == begins_at]
    if not later:
        return ""
    item = later[0]["items"][0]
    price = asking.get(f"/prices/{item['price']}")
    name = product_of(price)["name"]
    return f"Changes to {name} ({words.price(price, _quantity(item))}) on {words.day(begins_at)}."


def _next_step(portal: Portal, subscription: Json) -> str:
    ends_at = subscription["items"]["data"][0]["current_period_end"]
    if subscription["cancel_at_period_end"] or subscription["cancel_at"]:
        return f"Ends on {words.day(subscription['cancel_at'] or ends_at)}; nothing is charged after that."
    if subscription["status"] in ("past_due", "unpaid"):
        return "The last payment failed. Pay the open invoice below to go on."
    try:
        coming = asking.post(
            "/invoices/create_preview", customer=portal.customer, subscription=subscription["id"]
        )
    except asking.Refusal:
        return f"The period ends on {words.day(ends_at)}."
    amount = money.as_text(coming["amount_due"], coming["currency"])
    if subscription["status"] == "trialing":
        return f"The trial ends on {words.day(subscription['trial_end'])}, then {amount} is due."
    return f"The next invoice, of {amount}, comes on {words.day(ends_at)}."


def list_cards(portal: Portal) -> list[StoredCard]:
    customer = asking.get(f"/customers/{portal.customer}")
    default = default_card(customer)
    is_needed = bool(list_live(portal))
    found = asking.rows("/payment_methods", customer=portal.customer, type="card", limit=100)
    return [
        StoredCard(
            id=each["id"],
            title=words.card(each["card"]),
            expires=words.card_expiry(each["card"]),
            is_default=each["id"] == default,
            can_remove=not (each["id"] == default and is_needed),
        )
        for each in found
    ]


def default_card(customer: Json) -> str:
    return str((customer.get("invoice_settings") or {}).get("default_payment_method") or "")


def list_invoices(portal: Portal) -> list[InvoiceRow]:
    found = asking.rows("/invoices", customer=portal.customer, limit=MOST_INVOICES)
    return [
        InvoiceRow(
            title=each["number"] or "Draft",
            date=words.day(each["created"]),
            amount=money.as_text(each["total"], each["currency"]),
            badge=words.INVOICE_BADGES[each["status"]],
            url=each["hosted_invoice_url"] or "",
            pdf_url=each["invoice_pdf"] or "",
            is_open=each["status"] == "open",
        )
        for each in found
        if each["status"] != "draft"
    ]


def end_of(portal: Portal, subscription: Json) -> str:
    """What cancelling means here, for the question."""
    if portal.features["subscription_cancel"].get("mode") == "immediately":
        return "The plan ends at once."
    ends_at = subscription["items"]["data"][0]["current_period_end"]
    return f"The plan goes on until {words.day(ends_at)} and is not renewed. You can change your mind until then."


# changes


def make_default(customer: str, card_id: str) -> None:
    """For coming invoices, also of subscriptions that name a card of their own. Raises Refusal."""
    asking.post(f"/customers/{customer}", invoice_settings={"default_payment_method": card_id})
    for subscription in _live_of(customer):
        if subscription["default_payment_method"]:
            asking.post(f"/subscriptions/{subscription['id']}", default_payment_method=card_id)


def remove_card(portal: Portal, card_id: str) -> None:
    """Raises Refusal, also for a card that is needed or is somebody else's."""
    if not any(card.id == card_id and card.can_remove for card in list_cards(portal)):
        raise asking.Refusal(400, {"message": "This card cannot be removed now."})
    asking.post(f"/payment_methods/{card_id}/detach")


def change_details(portal: Portal, **details: str) -> None:
    if details:
        asking.post(f"/customers/{portal.customer}", **details)


def cancel(portal: Portal, subscription_id: str, *, reason: str, comment: str) -> None:
    """At the end of the period, or at once, as the configuration says. Raises Refusal."""
    details = {name: value for name, value in (("feedback", reason), ("comment", comment)) if value}
    wanted: dict[str, Any] = {"cancellation_details": details} if details else {}
    feature = portal.features["subscription_cancel"]
    if feature.get("mode") == "immediately":
        prorate = "true" if feature.get("proration_behavior") != "none" else "false"
        asking.ask("DELETE", f"/subscriptions/{subscription_id}", prorate=prorate, **wanted)
    else:
        asking.post(f"/subscriptions/{subscription_id}", cancel_at_period_end="true", **wanted)


def resume(portal: Portal, subscription_id: str) -> None:
    asking.post(f"/subscriptions/{subscription_id}", cancel_at_period_end="false")


def get_subscription(portal: Portal, subscription_id: str) -> Json | None:
    """A live one of this customer."""
    return next((each for each in list_live(portal) if each["id"] == subscription_id), None)


def sums_of(invoice: Json) -> list[Line]:
    """Subtotal, discounts, taxes and credit of an invoice."""
    taken_off = sum(each["amount"] for each in invoice.get("total_discount_amounts") or [])
    taxes = sum(each["amount"] for each in invoice.get("total_taxes") or [])
    before, after = invoice.get("starting_balance") or 0, invoice.get("ending_balance")
    moved = after - before if after is not None else 0
    parts = (("Discount", -taken_off), ("Tax", taxes), ("Customer balance", -moved))
    return words.sums(invoice["subtotal"], parts, invoice["currency"])


def bill_of(invoice: Json, *, total_label: str, after: str = "") -> Bill:
    lines = [
        Line(
            each["description"] or "Item",
            money.as_text(each["amount"], invoice["currency"]),
            _period(each["period"]),
        )
        for each in invoice["lines"]["data"]
    ]
    due = Line(total_label, money.as_text(invoice["amount_due"], invoice["currency"]))
    return Bill(lines, due, sums_of(invoice), after)


def _period(period: Json) -> str:
    start, end = words.day(period["start"]), words.day(period["end"])
    return start if start == end else f"{start} to {end}"
