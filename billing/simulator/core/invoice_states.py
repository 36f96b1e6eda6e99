"""How invoices go on: finalized with a number and the customer's credit applied, then paid or voided."""

from billing.simulator.core import customers, discounts, ids, intents, invoices, pages
from billing.simulator.core.account import DAY
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid

SMALLEST_CHARGE = 50


def finalize(desk: Desk, invoice: Json) -> Json:
    """Gives it its number, applies the customer's credit, and asks for the rest. What comes to nothing is paid."""
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    customer = desk.need("customer", invoice["customer"])
    before = copy(customer)
    secret = f"{invoice['id']}_{ids.word(24)}"
    invoice |= {
        "automatically_finalizes_at": None,
        "auto_advance": True,
        "effective_at": desk.now,
        "hosted_invoice_url": pages.invoice(secret),
        "invoice_pdf": pages.invoice_pdf(secret),
        "number": f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}",
        "status": "open",
    }
    invoice["status_transitions"]["finalized_at"] = desk.now
    desk.meta(invoice)["secret"] = secret
    customer["next_invoice_sequence"] += 1
    customer["currency"] = customer["currency"] or invoice["currency"]
    invoices.show_customer(desk, invoice, customer)
    _apply_balance(desk, invoice, customer)
    desk.changed(customer, before)
    if invoice["collection_method"] == "send_invoice" and invoice["due_date"] is None:
        invoice["due_date"] = desk.now + desk.meta(invoice).get("days_until_due", 30) * DAY
    if invoice["amount_due"]:
        _ask_for_payment(desk, invoice)
    desk.row(invoice).due_at = invoice["due_date"] if invoice["amount_due"] else None
    desk.save(invoice)
    desk.emit("finalized", invoice)
    _use_up(desk, invoice)
    if not invoice["amount_due"]:
        mark_paid(desk, invoice)
    return invoice


def _apply_balance(desk: Desk, invoice: Json, customer: Json) -> None:
    balance, total = customer["balance"], invoice["total"]
    invoice["starting_balance"] = balance
    invoices.weigh(invoice, balance=balance)
    due = invoice["amount_due"]
    ending = min(0, total + balance) if total + balance <= 0 else 0
    if 0 < due < SMALLEST_CHARGE and invoice["currency"] == "usd":
        # Less than can be charged: owed with the next invoice.
        invoice |= {"amount_due": 0, "amount_remaining": 0}
        ending = due
    invoice["ending_balance"] = ending
    if ending != balance:
        customers.move_balance(
            desk,
            customer,
            ending - balance,
            kind="applied_to_invoice",
            invoice=invoice["id"],
            currency=invoice["currency"],
        )


def _ask_for_payment(desk: Desk, invoice: Json) -> None:
    words = (
        "Subscription creation"
        if invoice["billing_reason"] == "subscription_create"
        else "Subscription update"
    )
    intent = intents.make(
        desk,
        customer=invoice["customer"],
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        description=words
        if invoices.subscription_of(invoice)
        else f"Payment for Invoice {invoice['number']}",
        meta={"invoice": invoice["id"]},
    )
    desk.meta(invoice)["intent"] = intent["id"]
    desk.add(
        {
            "id": ids.new("invoice_payment"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": desk.now,
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": LIVEMODE,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def _use_up(desk: Desk, invoice: Json) -> None:
    """A coupon for one time has had it."""
    subscription = desk.get("subscription", invoices.subscription_of(invoice))
    if subscription is None or not invoice["total_discount_amounts"]:
        return
    before = copy(subscription)
    for row in invoice["total_discount_amounts"]:
        coupon = discounts.coupon_of(desk, row["discount"])
        if (
            coupon
            and coupon["duration"] == "once"
            and row["amount"]
            and row["discount"] in subscription["discounts"]
        ):
            subscription["discounts"].remove(row["discount"])
    desk.changed(subscription, before)


def mark_paid(desk: Desk, invoice: Json, *, out_of_band: bool = False) -> None:
    """Tells of it. What follows for the subscription is `payments.settle`."""
    if not out_of_band:
        invoice |= {"amount_paid": invoice["amount_due"], "amount_remaining": 0}
    else:
        invoice |= {
            "amount_paid": invoice["amount_due"],
            "amount_remaining": 0,
            "amount_paid_off_stripe": invoice["amount_due"],
        }
    invoice |= {"attempted": True, "auto_advance": False, "next_payment_attempt": None, "status": "paid"}
    invoice["status_transitions"]["paid_at"] = desk.now
    desk.schedule(invoice, None)
    for payment in desk.newest("invoice_payment", parent=invoice["id"]):
        if payment["status"] == "open":
            payment |= {
                "status": "canceled" if out_of_band else "paid",
                "amount_paid": None if out_of_band else invoice["amount_due"],
            }
            payment["status_transitions"]["canceled_at" if out_of_band else "paid_at"] = desk.now
            desk.save(payment)
            if not out_of_band:
                desk.emit("paid", payment)
    intent = invoices.intent_of(desk, invoice)
    if out_of_band and intent:
        intents.cancel(desk, intent, "automatic")
    desk.emit("paid", invoice)
    if not out_of_band:
        desk.emit("payment_succeeded", invoice)


def void(desk: Desk, invoice: Json) -> Json:
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid(f"You can only void open or uncollectible invoices; this one is {invoice['status']}.")
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "status": "void"}
    invoice["status_transitions"]["voided_at"] = desk.now
    _give_balance_back(desk, invoice)
    if intent := invoices.intent_of(desk, invoice):
        intents.cancel(desk, intent, "void_invoice")
    desk.schedule(invoice, None)
    desk.emit("voided", invoice)
    return invoice


def _give_balance_back(desk: Desk, invoice: Json) -> None:
    used = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    if not used:
        return
    customer = desk.need("customer", invoice["customer"])
    before = copy(customer)
    customers.move_balance(desk, customer, -used, kind="unapplied_from_invoice", invoice=invoice["id"])
    desk.changed(customer, before)
