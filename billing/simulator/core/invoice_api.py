"""The addresses of invoices."""

from billing.simulator.core import (
    discounts,
    invoice_states,
    invoices,
    listing,
    payment_methods,
    payments,
    pending,
)
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route

FIELDS = (
    "auto_advance collection_method days_until_due default_payment_method description discounts due_date footer "
    "metadata"
)


@route(
    "POST /v1/invoices",
    f"customer currency subscription pending_invoice_items_behavior automatic_tax {FIELDS}",
)
def create(desk: Desk, params: Params) -> Json:
    customer = desk.need("customer", params.need("customer"), "customer")
    subscription = None
    if params.text("subscription"):
        subscription = desk.need("subscription", params.need("subscription"), "subscription")
    method = (
        params.choice("collection_method", "charge_automatically send_invoice", "charge_automatically") or ""
    )
    invoice = invoices.blank(
        desk,
        customer,
        reason="manual",
        currency=params.text("currency") or customer["currency"] or "usd",
        period=(desk.now, desk.now),
        subscription=subscription,
        collection_method=method,
    )
    rows: list[Json] = []
    if (
        params.choice("pending_invoice_items_behavior", "include exclude", "exclude") == "include"
        or subscription
    ):
        rows = invoices.pending_lines(desk, customer["id"], subscription["id"] if subscription else None)
    offers = discounts.wanted(desk, params, customer["id"], amount=sum(row["amount"] for row in rows))
    ids = [discounts.redeem(desk, offer, customer=customer["id"], subscription=None) for offer in offers]
    _set(desk, invoice, params)
    invoice["metadata"] = params.metadata()
    wait = invoices.GRACE if params.boolean("auto_advance") else None
    invoices.keep(desk, invoice, rows, ids, finalizes_in=wait)
    _set_due(desk, invoice, params)
    return invoice


def _set(desk: Desk, invoice: Json, params: Params) -> None:
    for name in ("description", "footer"):
        if name in params:
            invoice[name] = params.text(name)
    if "default_payment_method" in params:
        id = params.text("default_payment_method")
        owner = invoice["customer"]
        invoice["default_payment_method"] = (
            payment_methods.own(desk, id, owner, "default_payment_method") if id else None
        )


def _set_due(desk: Desk, invoice: Json, params: Params) -> None:
    if invoice["collection_method"] != "send_invoice":
        if "days_until_due" in params or "due_date" in params:
            raise invalid(
                "Only invoices with collection_method=send_invoice have a due date.", "days_until_due"
            )
        return
    if "due_date" in params:
        invoice["due_date"] = params.integer("due_date")
    desk.meta(invoice)["days_until_due"] = params.integer("days_until_due", 30, least=0)
    desk.save(invoice)


@route("GET /v1/invoices", f"customer subscription status collection_method due_date created {PAGE}")
def list_invoices(desk: Desk, params: Params) -> Json:
    status = params.choice("status", "draft open paid uncollectible void")
    method = params.text("collection_method")
    return listing.page(
        desk,
        params,
        "invoice",
        "/v1/invoices",
        (lambda found: found["collection_method"] == method) if method else None,
        customer=params.text("customer"),
        parent=params.text("subscription"),
        statuses=(status,) if status else None,
    )


@route("GET /v1/invoices/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("invoice", id)


@route("GET /v1/invoices/:id/lines", PAGE)
def list_lines(desk: Desk, params: Params, id: str) -> Json:
    invoice = desk.need("invoice", id)
    return listing.slice_of(invoices.lines_of(desk, invoice), params, f"/v1/invoices/{id}/lines")


@route("POST /v1/invoices/:id", FIELDS)
def update(desk: Desk, params: Params, id: str) -> Json:
    invoice = desk.need("invoice", id)
    if invoice["status"] != "draft" and {"description", "discounts", "footer"} & set(params.names()):
        raise invalid("Finalized invoices can't be updated in this way.", code="invoice_not_editable")
    before = copy(invoice)
    _set(desk, invoice, params)
    if "auto_advance" in params:
        invoice["auto_advance"] = params.boolean("auto_advance")
        if invoice["status"] == "draft":
            at = desk.now + invoices.GRACE if invoice["auto_advance"] else None
            invoice["automatically_finalizes_at"] = at
            desk.schedule(invoice, at)
    invoice["metadata"] = params.metadata(invoice["metadata"])
    return desk.changed(invoice, before)


@route("DELETE /v1/invoices/:id")
def delete(desk: Desk, params: Params, id: str) -> Json:
    invoice = desk.need("invoice", id)
    if invoice["status"] != "draft" or invoices.subscription_of(invoice):
        raise invalid("You can only delete one-off draft invoices.")
    for item in desk.newest("invoiceitem", parent=id):
        desk.delete(item)
    return desk.delete(invoice)


@route("POST /v1/invoices/:id/finalize", "auto_advance")
def finalize(desk: Desk, params: Params, id: str) -> Json:
    invoice = desk.need("invoice", id)
    invoice_states.finalize(desk, invoice)
    if invoice["status"] == "paid":
        payments.settle(desk, invoice)
    elif "auto_advance" in params:
        invoice["auto_advance"] = params.boolean("auto_advance")
        desk.save(invoice)
    return invoice


@route("POST /v1/invoices/:id/pay", "payment_method paid_out_of_band off_session forgive")
def pay(desk: Desk, params: Params, id: str) -> Json:
    invoice = desk.need("invoice", id)
    if params.boolean("paid_out_of_band"):
        if invoice["status"] == "draft":
            invoice_states.finalize(desk, invoice)
        if invoice["status"] != "open":
            raise invalid(f"This invoice is {invoice['status']}.", code="invoice_already_paid")
        invoice_states.mark_paid(desk, invoice, out_of_band=True)
        payments.settle(desk, invoice)
        return invoice
    method = None
    if given := params.text("payment_method"):
        method = desk.need(
            "payment_method", payment_methods.own(desk, given, invoice["customer"], "payment_method")
        )
    return payments.pay(desk, invoice, method=method)


@route("POST /v1/invoices/:id/void")
def void(desk: Desk, params: Params, id: str) -> Json:
    invoice = invoice_states.void(desk, desk.need("invoice", id))
    subscription = desk.get("subscription", invoices.subscription_of(invoice))
    if subscription and pending.is_for(desk, invoice):
        pending.discard(desk, subscription)
    payments.settle(desk, invoice)
    return invoice


@route("POST /v1/invoices/:id/mark_uncollectible")
def mark_uncollectible(desk: Desk, params: Params, id: str) -> Json:
    invoice = desk.need("invoice", id)
    if invoice["status"] != "open":
        raise invalid("Only open invoices can be marked uncollectible.")
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "status": "uncollectible"}
    invoice["status_transitions"]["marked_uncollectible_at"] = desk.now
    desk.schedule(invoice, None)
    desk.emit("marked_uncollectible", invoice)
    return invoice


@route("POST /v1/invoices/:id/send")
def send(desk: Desk, params: Params, id: str) -> Json:
    invoice = desk.need("invoice", id)
    if invoice["collection_method"] != "send_invoice":
        raise invalid("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] == "draft":
        invoice_states.finalize(desk, invoice)
    desk.emit("sent", invoice)
    return invoice


@route("GET /v1/invoice_payments", f"invoice payment status {PAGE}")
def list_payments(desk: Desk, params: Params) -> Json:
    wanted = params.hash("payment", "payment_intent type").text("payment_intent")
    status = params.choice("status", "open paid canceled")
    return listing.page(
        desk,
        params,
        "invoice_payment",
        "/v1/invoice_payments",
        (lambda found: found["payment"].get("payment_intent") == wanted) if wanted else None,
        parent=params.text("invoice"),
        statuses=(status,) if status else None,
    )


@route("GET /v1/invoice_payments/:id")
def retrieve_payment(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("invoice_payment", id)
