"""Invoices as drafts: their shape, their lines, and what they come to. How they go on is `invoice_states`."""

from billing.simulator.core import discounts, ids, lines, listing
from billing.simulator.core.account import NAME
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json
from billing.simulator.core.expansion import included

GRACE = 3600
SHOWN_LINES = 10

BLANK: Json = {
    "object": "invoice",
    "account_country": "US",
    "account_name": NAME,
    "account_tax_ids": None,
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_shipping": 0,
    "application": None,
    "attempt_count": 0,
    "attempted": False,
    "automatically_finalizes_at": None,
    "custom_fields": None,
    "customer_account": None,
    "customer_shipping": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "due_date": None,
    "effective_at": None,
    "ending_balance": None,
    "footer": None,
    "from_invoice": None,
    "hosted_invoice_url": None,
    "invoice_pdf": None,
    "last_finalization_error": None,
    "latest_revision": None,
    "livemode": LIVEMODE,
    "next_payment_attempt": None,
    "number": None,
    "on_behalf_of": None,
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "receipt_number": None,
    "rendering": None,
    "shipping_cost": None,
    "shipping_details": None,
    "starting_balance": 0,
    "statement_descriptor": None,
    "status": "draft",
    "status_transitions": {
        "finalized_at": None,
        "marked_uncollectible_at": None,
        "paid_at": None,
        "voided_at": None,
    },
    "test_clock": None,
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
    "webhooks_delivered_at": None,
}


UNTAXED: Json = {
    "disabled_reason": None,
    "enabled": False,
    "liability": None,
    "provider": None,
    "status": None,
}
TAXED = UNTAXED | {"enabled": True, "liability": {"type": "self"}, "provider": "stripe", "status": "complete"}


def _parent(subscription: Json) -> Json:
    details = {"metadata": copy(subscription["metadata"]), "subscription": subscription["id"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def blank(
    desk: Desk,
    customer: Json,
    *,
    reason: str,
    currency: str,
    period: tuple[int, int],
    subscription: Json | None = None,
    collection_method: str = "charge_automatically",
) -> Json:
    """A draft without lines, in nobody's books yet."""
    is_taxed = bool(subscription and subscription["automatic_tax"]["enabled"])
    invoice = copy(BLANK) | {
        "id": ids.new("invoice"),
        "auto_advance": False,
        "automatic_tax": copy(TAXED if is_taxed else UNTAXED),
        "billing_reason": reason,
        "collection_method": collection_method,
        "created": desk.now,
        "currency": currency,
        "customer": customer["id"],
        "discounts": [],
        "issuer": {"type": "self"},
        "metadata": {},
        "parent": _parent(subscription) if subscription else None,
        "period_end": period[1],
        "period_start": period[0],
    }
    show_customer(desk, invoice, customer)
    return invoice


def show_customer(desk: Desk, invoice: Json, customer: Json) -> None:
    invoice |= {f"customer_{name}": copy(customer[name]) for name in ("address", "email", "name", "phone")}
    invoice["customer_tax_exempt"] = customer["tax_exempt"]
    tax_ids = (
        desk.oldest("tax_id", customer=customer["id"]) if desk.books.get("customer", customer["id"]) else []
    )
    invoice["customer_tax_ids"] = [{"type": row["type"], "value": row["value"]} for row in tax_ids]


def subscription_of(invoice: Json) -> str:
    details = (invoice["parent"] or {}).get("subscription_details")
    return ids.id_of(details["subscription"]) if details else ""


def fill(desk: Desk, invoice: Json, items: list[Json], discount_ids: list[str]) -> None:
    """Puts the lines in, takes the discounts off, and sums up. The caller saves it."""
    for item in items:
        item["invoice"] = invoice["id"]
        item["discount_amounts"] = []
    totals: list[Json] = []
    for id in discount_ids:
        coupon = discounts.coupon_of(desk, id)
        if coupon is None:
            continue
        amount = _take_off(desk, items, id, coupon)
        totals.append({"amount": amount, "discount": id})
    subtotal = sum(item["amount"] for item in items)
    total = subtotal - sum(row["amount"] for row in totals)
    invoice |= {
        "discounts": [row["discount"] for row in totals],
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_discount_amounts": totals,
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [
            {"amount": row["amount"], "discount": row["discount"], "type": "discount"} for row in totals
        ],
    }
    url = f"/v1/invoices/{invoice['id']}/lines"
    invoice["lines"] = listing.envelope(items[:SHOWN_LINES], url, has_more=len(items) > SHOWN_LINES)
    weigh(invoice, balance=0)


def _take_off(desk: Desk, items: list[Json], id: str, coupon: Json) -> int:
    """Spreads a coupon over the lines it covers; what it comes to."""
    covered = [
        item
        for item in items
        if item["discountable"] and item["amount"] > 0 and discounts.covers(desk, coupon, product_of(item))
    ]
    left = int(coupon["amount_off"] or 0)
    taken = 0
    for item in covered:
        rest = item["amount"] - sum(row["amount"] for row in item["discount_amounts"])
        amount = min(rest, left) if coupon["amount_off"] else discounts.reduction(desk, coupon, rest)
        left -= amount
        taken += amount
        item["discount_amounts"].append({"amount": amount, "discount": id})
    return taken


def product_of(item: Json) -> str | None:
    return item["pricing"]["price_details"]["product"] if item["pricing"] else None


def weigh(invoice: Json, *, balance: int) -> None:
    """What is due when a balance (below zero: credit) is counted in."""
    due = max(0, invoice["total"] + balance)
    invoice |= {"amount_due": due, "amount_remaining": due - invoice["amount_paid"]}


def keep(
    desk: Desk,
    invoice: Json,
    items: list[Json],
    discount_ids: list[str],
    *,
    finalizes_in: int | None = None,
) -> Json:
    """Adds a draft to the books; with `finalizes_in` it goes on by itself after that many seconds."""
    fill(desk, invoice, items, discount_ids)
    due_at = None
    if finalizes_in is not None:
        due_at = desk.now + finalizes_in
        invoice |= {"auto_advance": True, "automatically_finalizes_at": due_at}
    desk.create(invoice, due_at=due_at, lines=items, parent=subscription_of(invoice))
    for item in items:
        _claim(desk, item, invoice["id"])
    return invoice


def refill(desk: Desk, invoice: Json, items: list[Json], discount_ids: list[str]) -> None:
    fill(desk, invoice, items, discount_ids)
    desk.meta(invoice)["lines"] = items
    for item in items:
        _claim(desk, item, invoice["id"])
    desk.save(invoice)


def _claim(desk: Desk, item: Json, invoice: str) -> None:
    parent = item["parent"] or {}
    details = parent.get("invoice_item_details") or parent.get("subscription_item_details") or {}
    if id := details.get("invoice_item"):
        pending = desk.need("invoiceitem", id)
        pending["invoice"] = invoice
        desk.save(pending)


def lines_of(desk: Desk, invoice: Json) -> list[Json]:
    return list(desk.meta(invoice)["lines"])


def pending_lines(desk: Desk, customer: str, subscription: str | None) -> list[Json]:
    """What waits for the customer's next invoice: of this subscription, and of none."""
    waiting = [row for row in desk.oldest("invoiceitem", customer=customer) if row["invoice"] is None]
    return [line_of(desk, row) for row in waiting if _subscription_of(row) in (None, subscription)]


def _subscription_of(item: Json) -> str | None:
    details = (item["parent"] or {}).get("subscription_details")
    return details["subscription"] if details else None


def line_of(desk: Desk, item: Json) -> Json:
    price = desk.get("price", item["pricing"]["price_details"]["price"]) if item["pricing"] else None
    subscription = _subscription_of(item)
    made = lines.line(
        desk,
        amount=item["amount"],
        currency=item["currency"],
        description=item["description"],
        period=(item["period"]["start"], item["period"]["end"]),
        parent=_parent_of(item),
        price=price,
        quantity=item["quantity"],
        subscription=subscription,
        is_discountable=item["discountable"],
        metadata=copy(item["metadata"]),
    )
    if item["pricing"]:
        made["pricing"] = copy(item["pricing"])
    return made


def _parent_of(item: Json) -> Json:
    """Prorations are of a subscription's item, other items of none."""
    details = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": None},
        "subscription": _subscription_of(item),
    }
    place = (item["parent"] or {}).get("subscription_details") or {}
    names = ["invoice_item_details", "subscription_item_details"]
    if place.get("subscription_item"):
        names.reverse()
        details["subscription_item"] = place["subscription_item"]
    return {names[0]: details, names[1]: None, "type": names[0]}


def intent_of(desk: Desk, invoice: Json) -> Json | None:
    return desk.get("payment_intent", desk.meta(invoice).get("intent", ""))


@included("invoice", "payments")
def _payments(desk: Desk, invoice: Json) -> Json:
    rows = desk.oldest("invoice_payment", parent=invoice["id"])
    return listing.envelope(rows, f"/v1/invoice_payments?invoice={invoice['id']}")


@included("invoice", "confirmation_secret")
def _confirmation_secret(desk: Desk, invoice: Json) -> Json | None:
    row = desk.books.get("invoice", invoice["id"])
    intent = desk.get("payment_intent", row.meta.get("intent", "")) if row else None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"} if intent else None
