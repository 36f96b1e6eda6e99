"""Invoices that might be: the next one of a subscription, or the one that a change would bring. Nothing is written."""

from billing.simulator.core import (
    changes,
    discounts,
    ids,
    invoice_items,
    invoices,
    lines,
    renewals,
    schedules,
    starting,
    subscriptions,
)
from billing.simulator.core.changes import BEHAVIOURS, Change, Effect
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json, Refused, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.routing import route

DETAILS = (
    "items proration_behavior proration_date billing_cycle_anchor trial_end cancel_at_period_end cancel_now cancel_at "
    "start_date metadata billing_mode"
)
ITEM = "amount currency description discountable metadata period price price_data quantity unit_amount"


@route(
    "POST /v1/invoices/create_preview",
    "customer subscription schedule subscription_details discounts invoice_items preview_mode currency automatic_tax "
    "customer_details",
)
def create(desk: Desk, params: Params) -> Json:
    details = params.hash("subscription_details", DETAILS)
    schedule = (
        desk.need("subscription_schedule", params.need("schedule"), "schedule")
        if "schedule" in params
        else None
    )
    id = params.text("subscription") or (schedule["subscription"] if schedule else None)
    if id:
        stored = desk.need("subscription", id, "subscription")
        if stored["status"] in subscriptions.ENDED:
            raise _none()
        invoice, rows, discount_ids = _of_running(desk, copy(stored), details)
        customer = desk.need("customer", stored["customer"])
    else:
        customer = desk.need("customer", params.need("customer"), "customer")
        invoice, rows, discount_ids = _of_new(desk, customer, details)
    rows += [_item_line(desk, customer, given) for given in params.hashes("invoice_items", ITEM)]
    if not rows:
        raise _none()
    _finish(desk, invoice, customer, rows, discount_ids + _offered(desk, params, customer))
    return invoice


def _none() -> Refused:
    return Refused("No upcoming invoices for customer", status=404, code="invoice_upcoming_none")


def next_of(desk: Desk, subscription: Json) -> Json:
    """The renewal that comes if nothing changes. It has no id: it is no invoice yet."""
    imagined = copy(subscription)
    invoice, rows, discount_ids = _renewal(desk, imagined, Effect())
    _finish(desk, invoice, desk.need("customer", subscription["customer"]), rows, discount_ids)
    del invoice["id"]
    return invoice


def _finish(desk: Desk, invoice: Json, customer: Json, rows: list[Json], discount_ids: list[str]) -> None:
    invoice["id"] = f"upcoming_{invoice['id']}"
    invoices.fill(desk, invoice, rows, discount_ids)
    balance = customer["balance"]
    invoice["starting_balance"] = balance
    invoices.weigh(invoice, balance=balance)
    total = invoice["total"]
    invoice["ending_balance"] = min(0, total + balance)
    invoice["lines"]["data"] = rows
    invoice["lines"]["has_more"] = False


def _offered(desk: Desk, params: Params, customer: Json) -> list[str]:
    """Discounts for the occasion exist only as long as this request: its answer names them, nothing counts them."""
    made = []
    for offer in discounts.wanted(desk, params, customer["id"], amount=0):
        id = ids.new("discount")
        desk.imagine({"id": id, "object": "discount", "end": None, "source": {"coupon": offer.coupon["id"]}})
        made.append(id)
    return made


def _of_running(desk: Desk, subscription: Json, details: Params) -> tuple[Json, list[Json], list[str]]:
    if details.boolean("cancel_now"):
        return _immediate(
            desk, subscription, Effect(changes.unused(desk, subscription, desk.now), [], invoices_now=True)
        )
    effect = Effect()
    if {"items", "trial_end"} & set(details.names()) or details.text("billing_cycle_anchor") == "now":
        ends = details.text("trial_end")
        change = Change(
            changes.read_items(desk, subscription, details),
            details.choice("proration_behavior", BEHAVIOURS, "create_prorations") or "",
            details.integer("proration_date"),
            anchors_now=details.text("billing_cycle_anchor") == "now",
            trial_end=0 if ends == "now" else details.integer("trial_end"),
        )
        effect = changes.apply(desk, subscription, change)
    if "cancel_at_period_end" in details:
        subscription["cancel_at_period_end"] = details.boolean("cancel_at_period_end")
    weigh = _immediate if effect.invoices_now else _renewal
    invoice, rows, discount_ids = weigh(desk, subscription, effect)
    if effect.prorations or effect.invoices_now:
        # Whoever makes the change later names this moment again, and pays what was shown.
        date = details.integer("proration_date", desk.now)
        invoice["parent"]["subscription_details"]["subscription_proration_date"] = date
    return invoice, rows, discount_ids


def _prorations(desk: Desk, subscription: Json, effect: Effect) -> list[Json]:
    rows = [invoice_items.of_proration(desk, subscription, row) for row in effect.prorations]
    return [invoices.line_of(desk, row) for row in rows]


def _immediate(desk: Desk, subscription: Json, effect: Effect) -> tuple[Json, list[Json], list[str]]:
    waiting = invoices.pending_lines(desk, subscription["customer"], subscription["id"])
    rows = [row for row in waiting if row["subscription"] == subscription["id"]]
    rows += _prorations(desk, subscription, effect) + effect.lines
    invoice = _blank(desk, subscription, "subscription_update", subscriptions.period_of(subscription))
    return invoice, rows, subscriptions.discount_ids(subscription)


def _renewal(desk: Desk, subscription: Json, effect: Effect) -> tuple[Json, list[Json], list[str]]:
    begun, end = subscriptions.period_of(subscription)
    rows = invoices.pending_lines(desk, subscription["customer"], subscription["id"])
    rows += _prorations(desk, subscription, effect)
    if subscription["status"] != "trialing":
        metered = [item for item in subscriptions.items_of(subscription) if lines.is_metered(item)]
        rows += [lines.metered(desk, subscription, item, begun, end) for item in metered]
    if not subscription["cancel_at_period_end"]:
        _imagine_phase(desk, subscription, end)
        subscriptions.set_period(subscription, end, subscriptions.next_end(subscription, end))
        rows += renewals.next_lines(desk, subscription)
    invoice = _blank(desk, subscription, "upcoming", (begun, end))
    invoice |= {"created": end, "next_payment_attempt": end + invoices.GRACE}
    return invoice, rows, subscriptions.discount_ids(subscription)


def _imagine_phase(desk: Desk, subscription: Json, moment: int) -> None:
    schedule = desk.get("subscription_schedule", subscription["schedule"] or "")
    phases = schedule["phases"] if schedule else []
    phase = next((row for row in phases if row["start_date"] <= moment < row["end_date"]), None)
    if phase is not None:
        subscriptions.put_items(desk, subscription, schedules.items_for(desk, subscription, phase))


def _of_new(desk: Desk, customer: Json, details: Params) -> tuple[Json, list[Json], list[str]]:
    """What subscribing would cost at once."""
    subscription = subscriptions.blank(desk, customer["id"], {})
    items = [
        subscriptions.item(
            desk,
            subscription["id"],
            subscriptions.wanted_price(desk, given),
            given.integer("quantity", least=0),
        )
        for given in details.hashes("items", changes.ITEM)
    ]
    if not items:
        rows = invoices.pending_lines(desk, customer["id"], None)
        invoice = invoices.blank(
            desk,
            customer,
            reason="upcoming",
            currency=customer["currency"] or "usd",
            period=(desk.now, desk.now),
        )
        return invoice, rows, []
    subscriptions.put_items(desk, subscription, items)
    _first_period(desk, subscription, details)
    rows = starting.first_lines(desk, subscription)
    rows += invoices.pending_lines(desk, customer["id"], subscription["id"])
    invoice = _blank(desk, subscription, "upcoming", (desk.now, desk.now))
    # There is no such subscription to refer to.
    invoice["parent"] = None
    for row in rows:
        row |= {"subscription": None, "parent": None}
    return invoice, rows, []


def _first_period(desk: Desk, subscription: Json, details: Params) -> None:
    trial_end = None if details.text("trial_end") == "now" else details.integer("trial_end")
    if trial_end is not None:
        if trial_end <= desk.now:
            raise invalid(
                "Invalid timestamp: trial_end must be in the future.", "subscription_details[trial_end]"
            )
        subscription["status"] = "trialing"
        subscriptions.set_period(subscription, desk.now, trial_end)
    else:
        subscriptions.set_period(subscription, desk.now, subscriptions.next_end(subscription, desk.now))


def _blank(desk: Desk, subscription: Json, reason: str, period: tuple[int, int]) -> Json:
    return invoices.blank(
        desk,
        desk.need("customer", subscription["customer"]),
        reason=reason,
        currency=subscription["currency"],
        period=period,
        subscription=subscription,
        collection_method=subscription["collection_method"],
    )


def _item_line(desk: Desk, customer: Json, given: Params) -> Json:
    item = invoice_items.make(
        desk,
        customer=customer["id"],
        amount=given.integer("amount", given.integer("unit_amount", 0)) or 0,
        currency=given.text("currency") or customer["currency"] or "usd",
        description=given.text("description"),
        quantity=given.integer("quantity", 1) or 1,
        metadata=given.metadata(),
    )
    return invoices.line_of(desk, item)
