"""How a subscription begins: its first period or trial, its first invoice, its first payment."""

from dataclasses import dataclass, field

from billing.simulator.core import (
    cards,
    discounts,
    intents,
    invoice_states,
    invoices,
    lines,
    payments,
    subscriptions,
)
from billing.simulator.core.account import DAY
from billing.simulator.core.desk import Desk
from billing.simulator.core.discounts import Offer
from billing.simulator.core.errors import Json, Refused, invalid
from billing.simulator.core.intents import Attempt

FIRST = "subscription_create"


@dataclass
class Start:
    """What somebody subscribes to. `charge`: pay at once; without, the first payment waits for the customer."""

    customer: Json
    subscription: Json
    items: list[Json]
    trial_end: int | None = None
    offers: list[Offer] = field(default_factory=list)
    extra_lines: list[Json] = field(default_factory=list)
    charge: bool = True
    session: str | None = None
    authenticated: bool = False


def begin(desk: Desk, start: Start) -> Attempt | None:
    """Writes the subscription and its first invoice, and takes the first payment; how that went, if there was one."""
    subscription = start.subscription
    subscriptions.put_items(desk, subscription, start.items)
    _set_first_period(desk, start)
    needs_payment = _amount(desk, start) > 0
    is_sent = subscription["collection_method"] == "send_invoice"
    if start.trial_end:
        subscription["status"] = "trialing"
    elif is_sent or not needs_payment:
        subscription["status"] = "active"
    desk.add(subscription)
    subscriptions.index_items(desk, subscription)
    subscription["discounts"] = [
        discounts.redeem(
            desk, offer, customer=start.customer["id"], subscription=subscription["id"], session=start.session
        )
        for offer in start.offers
    ]
    subscriptions.plan(desk, subscription)
    invoice = _first_invoice(desk, start)
    subscription["latest_invoice"] = invoice["id"]
    desk.save(subscription)
    desk.emit("created", subscription)
    attempt = None if is_sent else _first_payment(desk, start, invoice)
    if subscription["status"] in ("active", "trialing"):
        subscriptions.tell_entitlements(desk, start.customer["id"])
    return attempt


def _first_payment(desk: Desk, start: Start, invoice: Json) -> Attempt | None:
    invoice_states.finalize(desk, invoice)
    if invoice["status"] == "open" and start.charge:
        return payments.collect(desk, invoice, authenticated=start.authenticated)
    if invoice["status"] == "paid" and start.subscription["status"] == "incomplete":
        payments.settle(desk, invoice)
    return None


def _set_first_period(desk: Desk, start: Start) -> None:
    subscription = start.subscription
    if start.trial_end:
        if start.trial_end <= desk.now:
            raise invalid("Invalid timestamp: trial_end must be in the future.", "trial_end")
        subscription |= {
            "billing_cycle_anchor": start.trial_end,
            "trial_end": start.trial_end,
            "trial_start": desk.now,
        }
        subscriptions.set_period(subscription, desk.now, start.trial_end)
    else:
        end = subscriptions.next_end(subscription, desk.now)
        subscriptions.set_period(subscription, desk.now, end)


def _amount(desk: Desk, start: Start) -> int:
    """About what the first invoice comes to, before the customer's credit; enough to know whether there is any."""
    amount = sum(row["amount"] for row in start.extra_lines)
    for row in start.items:
        if not lines.is_metered(row) and not start.trial_end:
            amount += lines.amount_of(row["price"], row["quantity"])
    for offer in start.offers:
        amount -= discounts.reduction(desk, offer.coupon, amount)
    return max(0, amount + min(0, start.customer["balance"]))


def first_lines(desk: Desk, subscription: Json) -> list[Json]:
    begins, ends = subscriptions.period_of(subscription)
    make = lines.trial if subscription["status"] == "trialing" else lines.licensed
    rows = []
    for item in subscriptions.items_of(subscription):
        if not lines.is_metered(item):
            rows.append(make(desk, subscription, item, begins, ends))
    return rows


def _first_invoice(desk: Desk, start: Start) -> Json:
    subscription = start.subscription
    begins, _ = subscriptions.period_of(subscription)
    invoice = invoices.blank(
        desk,
        start.customer,
        reason=FIRST,
        currency=subscription["currency"],
        period=(begins, begins),
        subscription=subscription,
        collection_method=subscription["collection_method"],
    )
    rows = first_lines(desk, subscription) + start.extra_lines
    rows += invoices.pending_lines(desk, start.customer["id"], subscription["id"])
    is_sent = subscription["collection_method"] == "send_invoice"
    wait = invoices.GRACE if is_sent else None
    invoices.keep(desk, invoice, rows, subscriptions.discount_ids(subscription), finalizes_in=wait)
    if is_sent:
        desk.meta(invoice)["days_until_due"] = subscription["days_until_due"]
        desk.save(invoice)
    return invoice


def trial_end_after(desk: Desk, days: int | None) -> int | None:
    if not days:
        return None
    if days > 730:
        raise invalid("The maximum number of trial period days is 730.", "trial_period_days")
    return desk.now + days * DAY


def require_success(attempt: Attempt | None) -> None:
    """For `error_if_incomplete`: raises Refused (402), and nothing was ever there."""
    if attempt is None or attempt.succeeded:
        return
    if attempt.reason == intents.AUTHENTICATION:
        raise Refused(
            "This payment requires additional user action before it can be completed successfully.",
            status=402,
            kind="card_error",
            code="subscription_payment_intent_requires_action",
        )
    raise cards.decline(attempt.reason)
