"""Subscriptions: their shape, their items, their status, and when the clock next has to look at them."""

from billing.simulator.core import discounts, ids, listing, periods
from billing.simulator.core.account import DAY
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.products import need_price, plan_of

ENDED = ("canceled", "incomplete_expired")
TOLD_BEFORE = 3 * DAY
UPCOMING_BEFORE = 7 * DAY
# A first payment has to succeed within this time.
EXPIRES_IN = 23 * 3600

BLANK: Json = {
    "object": "subscription",
    "application": None,
    "application_fee_percent": None,
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
    "collection_method": "charge_automatically",
    "customer_account": None,
    "days_until_due": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "ended_at": None,
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
    },
    "latest_invoice": None,
    "livemode": LIVEMODE,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "test_clock": None,
    "transfer_data": None,
    "trial_end": None,
    "trial_start": None,
}


def blank(desk: Desk, customer: str, metadata: Json) -> Json:
    return copy(BLANK) | {
        "id": ids.new("subscription"),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": desk.now,
        "created": desk.now,
        "currency": "usd",
        "customer": customer,
        "metadata": metadata,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "start_date": desk.now,
        "status": "incomplete",
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    }


def item(
    desk: Desk, subscription: str, price: Json, quantity: int | None, metadata: Json | None = None
) -> Json:
    is_metered = price["recurring"]["usage_type"] == "metered"
    made = {
        "id": ids.new("subscription_item", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": desk.now,
        "current_period_end": 0,
        "current_period_start": 0,
        "discounts": [],
        "metadata": metadata or {},
        "plan": plan_of(price),
        "price": copy(price),
        "subscription": subscription,
        "tax_rates": [],
    }
    if not is_metered:
        made["quantity"] = 1 if quantity is None else quantity
    return made


def wanted_price(desk: Desk, params: Params) -> Json:
    """A recurring price that a request names or describes (`price_data`)."""
    if "price_data" in params and not params.text("price"):
        from billing.simulator.core import products  # noqa: PLC0415  only here

        data = params.hash("price_data")
        price = products.make_price(desk, data)
    else:
        price = need_price(desk, params.need("price"), params.named("price"))
    if price["type"] != "recurring":
        raise invalid(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            params.named("price"),
        )
    return price


def put_items(desk: Desk, subscription: Json, items: list[Json]) -> None:
    """Raises Refused when they cannot be billed together."""
    if not items:
        raise invalid("A subscription must have at least one active item.", "items", "parameter_missing")
    every = {
        (row["price"]["recurring"]["interval"], row["price"]["recurring"]["interval_count"]) for row in items
    }
    if len(every) > 1:
        raise invalid("The prices of a simulated subscription must have the same billing interval.", "items")
    if len({row["price"]["currency"] for row in items}) > 1:
        raise invalid("The prices of a subscription must have the same currency.", "items")
    if len({row["price"]["id"] for row in items}) < len(items):
        raise invalid("Each price can be on a subscription only once.", "items")
    subscription["currency"] = items[0]["price"]["currency"]
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    subscription["items"] = listing.envelope(items, url) | {"total_count": len(items)}


def items_of(subscription: Json) -> list[Json]:
    return list(subscription["items"]["data"])


def set_period(subscription: Json, start: int, end: int) -> None:
    for row in items_of(subscription):
        row |= {"current_period_start": start, "current_period_end": end}


def period_of(subscription: Json) -> tuple[int, int]:
    row = items_of(subscription)[0]
    return row["current_period_start"], row["current_period_end"]


def interval_of(subscription: Json) -> tuple[str, int]:
    recurring = items_of(subscription)[0]["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def next_end(subscription: Json, moment: int) -> int:
    return periods.next_after(subscription["billing_cycle_anchor"], moment, *interval_of(subscription))


def index_items(desk: Desk, subscription: Json) -> None:
    """So that an item is found by its id alone."""
    for row in items_of(subscription):
        if desk.books.get("subscription_item", row["id"]) is None:
            desk.add({"id": row["id"], "object": "subscription_item", "subscription": subscription["id"]})


def set_status(desk: Desk, subscription: Json, status: str) -> None:
    subscription["status"] = status
    if status in ENDED:
        desk.row(subscription).due_at = None
    else:
        plan(desk, subscription)


def plan(desk: Desk, subscription: Json) -> None:
    """Sets when the clock looks at it next. The caller saves."""
    row = desk.row(subscription)
    if subscription["status"] in (*ENDED, "paused"):
        row.due_at = None
        return
    if subscription["status"] == "incomplete":
        row.due_at = subscription["created"] + EXPIRES_IN
        return
    end = period_of(subscription)[1]
    moments = [end]
    if subscription["cancel_at"] is not None and not subscription["cancel_at_period_end"]:
        moments.append(subscription["cancel_at"])
    if subscription["status"] == "trialing" and not row.meta.get("told_of_trial_end"):
        moments.append(max(desk.now, subscription["trial_end"] - TOLD_BEFORE))
    if subscription["pending_update"]:
        moments.append(subscription["pending_update"]["expires_at"])
    if row.meta.get("phase_ends_at") is not None:
        moments.append(row.meta["phase_ends_at"])
    if row.meta.get("told_of_period") != end and not subscription["cancel_at_period_end"]:
        moments.append(max(desk.now, end - UPCOMING_BEFORE))
    row.due_at = min(moments)


def offers(desk: Desk, params: Params, customer: str, amount: int) -> list[discounts.Offer]:
    return discounts.wanted(desk, params, customer, amount=amount)


def collection(params: Params, subscription: Json) -> None:
    """How its invoices are paid."""
    method = params.choice(
        "collection_method", "charge_automatically send_invoice", subscription["collection_method"]
    )
    days = params.integer("days_until_due", subscription["days_until_due"], least=0)
    if method == "send_invoice" and days is None:
        raise invalid(
            "If `collection_method=send_invoice`, you must specify `days_until_due`.",
            "days_until_due",
            "parameter_missing",
        )
    subscription |= {
        "collection_method": method,
        "days_until_due": days if method == "send_invoice" else None,
    }


def settings(desk: Desk, params: Params, subscription: Json) -> None:
    """What may be set when it is made and later."""
    from billing.simulator.core import payment_methods  # noqa: PLC0415  it charges subscriptions

    if "default_payment_method" in params:
        id = params.text("default_payment_method")
        owner = ids.id_of(subscription["customer"])
        subscription["default_payment_method"] = (
            payment_methods.own(desk, id, owner, "default_payment_method") if id else None
        )
    if "collection_method" in params or "days_until_due" in params:
        collection(params, subscription)
    tax = params.hash("automatic_tax", "enabled liability")
    if "enabled" in tax:
        is_on = tax.boolean("enabled")
        liability = {"type": "self"} if is_on else None
        subscription["automatic_tax"] = {"disabled_reason": None, "enabled": is_on, "liability": liability}
    trial = params.hash("trial_settings", "end_behavior").hash("end_behavior", "missing_payment_method")
    if choice := trial.choice("missing_payment_method", "cancel create_invoice pause"):
        subscription["trial_settings"] = {"end_behavior": {"missing_payment_method": choice}}
    given = params.hash(
        "payment_settings", "save_default_payment_method payment_method_types payment_method_options"
    )
    if save := given.choice("save_default_payment_method", "off on_subscription"):
        subscription["payment_settings"]["save_default_payment_method"] = save
    if "description" in params:
        subscription["description"] = params.text("description")


def tell_entitlements(desk: Desk, customer: str) -> None:
    """Says what the customer may use now, when that is different from what was said last."""
    from billing.simulator.core import features  # noqa: PLC0415  it reads subscriptions

    features.tell(desk, customer)


def discount_ids(subscription: Json) -> list[str]:
    return [str(id) for id in subscription["discounts"]]
