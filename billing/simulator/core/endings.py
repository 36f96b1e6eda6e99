"""How a subscription ends."""

from billing.simulator.core import invoice_states, invoices, lines, subscriptions
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json


def end(
    desk: Desk,
    subscription: Json,
    *,
    reason: str | None,
    invoice_now: bool = False,
    prorate: bool = False,
    at_period_end: bool = False,
) -> Json:
    """Now. `invoice_now` bills what is still unbilled, `prorate` gives the unused time back as credit."""
    from billing.simulator.core import changes  # noqa: PLC0415  it ends subscriptions too

    if prorate and subscription["status"] in ("active", "past_due"):
        changes.credit_rest(desk, subscription)
    rows = _usage(desk, subscription) if (invoice_now or at_period_end) else []
    subscription |= {
        "canceled_at": subscription["canceled_at"] or desk.now,
        "ended_at": desk.now,
        "status": "canceled",
    }
    subscription["cancellation_details"]["reason"] = subscription["cancellation_details"]["reason"] or reason
    if schedule := desk.get("subscription_schedule", subscription["schedule"] or ""):
        _close(desk, schedule)
        subscription["schedule"] = None
    desk.row(subscription).due_at = None
    desk.save(subscription)
    _stop_collecting(desk, subscription)
    if rows or invoice_now:
        _last_invoice(desk, subscription, rows)
    desk.emit("deleted", subscription)
    subscriptions.tell_entitlements(desk, subscription["customer"])
    return subscription


def _usage(desk: Desk, subscription: Json) -> list[Json]:
    begins, ends = subscriptions.period_of(subscription)
    metered = [item for item in subscriptions.items_of(subscription) if lines.is_metered(item)]
    rows = [lines.metered(desk, subscription, item, begins, min(ends, desk.now)) for item in metered]
    return [row for row in rows if row["amount"]]


def _last_invoice(desk: Desk, subscription: Json, rows: list[Json]) -> None:
    customer = desk.need("customer", subscription["customer"])
    rows = rows + invoices.pending_lines(desk, customer["id"], subscription["id"])
    if not rows:
        return
    begins, _ = subscriptions.period_of(subscription)
    invoice = invoices.blank(
        desk,
        customer,
        reason="subscription_cycle",
        currency=subscription["currency"],
        period=(begins, desk.now),
        subscription=subscription,
        collection_method=subscription["collection_method"],
    )
    discounts = subscriptions.discount_ids(subscription)
    invoices.keep(desk, invoice, rows, discounts, finalizes_in=invoices.GRACE)
    desk.meta(invoice)["days_until_due"] = subscription["days_until_due"]
    subscription["latest_invoice"] = invoice["id"]
    desk.save(subscription)


def _stop_collecting(desk: Desk, subscription: Json) -> None:
    """What is still open stays open, and is not tried again by itself."""
    for invoice in desk.newest("invoice", parent=subscription["id"]):
        if invoice["status"] in ("open", "draft") and invoice["auto_advance"]:
            before = copy(invoice)
            invoice |= {"auto_advance": False, "next_payment_attempt": None}
            desk.schedule(invoice, None)
            desk.changed(invoice, before)


def _close(desk: Desk, schedule: Json) -> None:
    before = copy(schedule)
    schedule |= {"canceled_at": desk.now, "current_phase": None, "status": "canceled"}
    desk.changed(schedule, before, "canceled")


def expire(desk: Desk, subscription: Json) -> None:
    """A first payment that never came."""
    before = copy(subscription)
    subscription |= {"status": "incomplete_expired", "ended_at": desk.now}
    desk.row(subscription).due_at = None
    for invoice in desk.newest("invoice", parent=subscription["id"]):
        if invoice["status"] == "open":
            invoice_states.void(desk, invoice)
    desk.changed(subscription, before)
