"""What waits for a customer's next invoice."""

from billing.simulator.core import ids, invoices, lines, listing
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params, one_of
from billing.simulator.core.products import make_price, need_price
from billing.simulator.core.routing import PAGE, route

PRORATION: Json = {"credited_items": None, "discount_amounts": []}
BLANK: Json = {
    "object": "invoiceitem",
    "customer_account": None,
    "discounts": [],
    "invoice": None,
    "livemode": LIVEMODE,
    "tax_rates": [],
    "test_clock": None,
}


def make(  # noqa: PLR0913  an item's own fields
    desk: Desk,
    *,
    customer: str,
    amount: int,
    currency: str,
    description: str | None,
    period: tuple[int, int] | None = None,
    price: Json | None = None,
    quantity: int = 1,
    subscription: str | None = None,
    item: str | None = None,
    is_proration: bool = False,
    is_discountable: bool = True,
    metadata: Json | None = None,
) -> Json:
    return copy(BLANK) | {
        "id": ids.new("invoiceitem"),
        "amount": amount,
        "currency": currency,
        "customer": customer,
        "date": desk.now,
        "description": description,
        "discountable": is_discountable,
        "metadata": metadata or {},
        "net_amount": amount,
        "parent": _parent(subscription, item) if subscription else None,
        "period": dict(zip(("start", "end"), period or (desk.now, desk.now), strict=True)),
        "pricing": _pricing(price, amount, quantity) if price else None,
        "proration": is_proration,
        "proration_details": copy(PRORATION) if is_proration else None,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
    }


def _parent(subscription: str, item: str | None) -> Json:
    details = {"subscription": subscription, "subscription_item": item}
    return {"subscription_details": details, "type": "subscription_details"}


def _pricing(price: Json, amount: int, quantity: int) -> Json:
    each = amount // quantity if quantity and amount % quantity == 0 else amount
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": str(each),
    }


def of_proration(desk: Desk, subscription: Json, row: Json) -> Json:
    return make(
        desk,
        customer=subscription["customer"],
        amount=row["amount"],
        currency=subscription["currency"],
        description=row["description"],
        period=(row["period"]["start"], row["period"]["end"]),
        price=row["price"],
        quantity=row["quantity"],
        subscription=subscription["id"],
        item=row["item"],
        is_proration=True,
        is_discountable=False,
    )


FIELDS = (
    "amount currency description discountable metadata period price_data pricing quantity unit_amount_decimal"
)


@route("POST /v1/invoiceitems", f"customer invoice subscription {FIELDS}")
def create(desk: Desk, params: Params) -> Json:
    customer = desk.need("customer", params.need("customer"), "customer")
    quantity = params.integer("quantity", 1, least=0) or 0
    price = _price(desk, params)
    if one_of(params, "amount", "pricing", "price_data") in ("pricing", "price_data") and price:
        amount, currency = lines.amount_of(price, quantity), price["currency"]
    else:
        amount, currency = (
            params.need_integer("amount"),
            params.text("currency") or customer["currency"] or "usd",
        )
    invoice = _draft(desk, params, customer)
    subscription = params.text("subscription")
    if subscription:
        desk.need("subscription", subscription, "subscription")
    item = make(
        desk,
        customer=customer["id"],
        amount=amount,
        currency=currency.lower(),
        description=params.text("description") or (lines.name_of(desk, price) if price else None),
        period=_period(params),
        price=price,
        quantity=quantity,
        subscription=subscription,
        is_discountable=params.boolean("discountable", default=amount > 0),
        metadata=params.metadata(),
    )
    desk.create(item)
    if invoice is not None:
        rows = [*invoices.lines_of(desk, invoice), invoices.line_of(desk, item)]
        before = copy(invoice)
        invoices.refill(desk, invoice, rows, invoice["discounts"])
        desk.changed(invoice, before)
    return item


def _period(params: Params) -> tuple[int, int] | None:
    if "period" not in params:
        return None
    period = params.hash("period", "start end")
    return period.need_integer("start"), period.need_integer("end")


def _price(desk: Desk, params: Params) -> Json | None:
    pricing = params.hash("pricing", "price")
    if "price" in pricing:
        price = need_price(desk, pricing.need("price"), pricing.named("price"))
    elif "price_data" in params:
        price = make_price(desk, params.hash("price_data"))
    else:
        return None
    if price["type"] != "one_time":
        raise invalid(
            "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.",
            "pricing[price]",
        )
    return price


def _draft(desk: Desk, params: Params, customer: Json) -> Json | None:
    if not params.text("invoice"):
        return None
    invoice = desk.need("invoice", params.need("invoice"), "invoice")
    if invoice["status"] != "draft" or invoice["customer"] != customer["id"]:
        raise invalid(
            "Items can be added to draft invoices of the same customer only.",
            "invoice",
            "invoice_not_editable",
        )
    return invoice


@route("GET /v1/invoiceitems", f"customer invoice pending created {PAGE}")
def list_items(desk: Desk, params: Params) -> Json:
    pending = params.boolean("pending") if "pending" in params else None
    return listing.page(
        desk,
        params,
        "invoiceitem",
        "/v1/invoiceitems",
        lambda found: pending in (None, found["invoice"] is None),
        customer=params.text("customer"),
        parent=params.text("invoice"),
    )


@route("GET /v1/invoiceitems/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("invoiceitem", id)


@route("POST /v1/invoiceitems/:id", "amount description metadata")
def update(desk: Desk, params: Params, id: str) -> Json:
    item = _waiting(desk, id)
    before = copy(item)
    if "amount" in params:
        item |= {"amount": params.need_integer("amount"), "net_amount": params.need_integer("amount")}
    if "description" in params:
        item["description"] = params.text("description")
    item["metadata"] = params.metadata(item["metadata"])
    return desk.changed(item, before)


@route("DELETE /v1/invoiceitems/:id")
def delete(desk: Desk, params: Params, id: str) -> Json:
    return desk.delete(_waiting(desk, id))


def _waiting(desk: Desk, id: str) -> Json:
    item = desk.need("invoiceitem", id)
    invoice = desk.get("invoice", item["invoice"] or "")
    if invoice and invoice["status"] != "draft":
        raise invalid(
            "This invoice item is on a finalized invoice and cannot be changed.", code="invoice_not_editable"
        )
    return item
