"""Customers, their credit balance and their tax ids."""

from billing.simulator.core import ids, listing
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.expansion import included
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route

CUSTOMER = (
    "address balance description email invoice_prefix invoice_settings metadata name next_invoice_sequence phone "
    "preferred_locales shipping tax tax_exempt"
)
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def address_of(params: Params, name: str = "address") -> Json | None:
    if params.is_unset(name) or name not in params:
        return None
    given = params.hash(name, " ".join(ADDRESS))
    return {field: given.text(field) for field in ADDRESS}


@route("POST /v1/customers", f"payment_method tax_id_data {CUSTOMER}")
def create(desk: Desk, params: Params) -> Json:
    from billing.simulator.core import payment_methods  # noqa: PLC0415  it charges customers

    customer = blank(desk)
    _fill(desk, customer, params)
    desk.create(customer)
    if method := params.text("payment_method"):
        payment_methods.attach_to(desk, method, customer)
    _choose_default(desk, customer, params)
    for row in params.hashes("tax_id_data", "type value"):
        add_tax_id(desk, customer, row)
    return desk.save(customer)


def blank(desk: Desk) -> Json:
    return {
        "id": ids.new("customer", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": desk.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": ids.word(8, "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": LIVEMODE,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _fill(desk: Desk, customer: Json, params: Params) -> None:
    for name in ("description", "email", "name", "phone"):
        if name in params:
            customer[name] = params.text(name)
    if customer["email"] and "@" not in customer["email"]:
        raise invalid(f"Invalid email address: {customer['email']}", "email", "email_invalid")
    if "address" in params:
        customer["address"] = address_of(params)
    if "preferred_locales" in params:
        customer["preferred_locales"] = params.words("preferred_locales")
    if "tax_exempt" in params:
        customer["tax_exempt"] = params.choice("tax_exempt", "none exempt reverse", "none")
    for name in ("invoice_prefix", "next_invoice_sequence"):
        if name in params:
            customer[name] = (
                params.text(name) if name == "invoice_prefix" else params.integer(name, 1, least=1)
            )
    if "balance" in params:
        _set_balance(desk, customer, params.integer("balance", 0) or 0)
    customer["metadata"] = params.metadata(customer["metadata"])


def _choose_default(desk: Desk, customer: Json, params: Params) -> None:
    settings = params.hash(
        "invoice_settings", "custom_fields default_payment_method footer rendering_options"
    )
    if "footer" in settings:
        customer["invoice_settings"]["footer"] = settings.text("footer")
    if "default_payment_method" not in settings:
        return
    id = settings.text("default_payment_method")
    if id:
        method = desk.need("payment_method", id, settings.named("default_payment_method"))
        if method["customer"] != customer["id"]:
            raise invalid(
                "The customer does not have a payment method with the ID "
                f"{id}. The payment method must be attached to the customer.",
                settings.named("default_payment_method"),
                "resource_missing",
            )
    customer["invoice_settings"]["default_payment_method"] = id


@route("GET /v1/customers", f"email created {PAGE}")
def list_customers(desk: Desk, params: Params) -> Json:
    return listing.page(desk, params, "customer", "/v1/customers", key=params.text("email"))


@route("GET /v1/customers/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    row = desk.books.get("customer", id)
    return row.data if row else desk.need("customer", id)


@route("POST /v1/customers/:id", CUSTOMER)
def update(desk: Desk, params: Params, id: str) -> Json:
    customer = desk.need("customer", id)
    before = copy(customer)
    _fill(desk, customer, params)
    _choose_default(desk, customer, params)
    return desk.changed(customer, before)


@route("DELETE /v1/customers/:id")
def delete(desk: Desk, params: Params, id: str) -> Json:
    from billing.simulator.core import endings  # noqa: PLC0415  it ends what customers have

    customer = desk.need("customer", id)
    for subscription in desk.newest("subscription", customer=id):
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            endings.end(desk, subscription, reason="cancellation_requested")
    return desk.delete(customer)


# balance


def _set_balance(desk: Desk, customer: Json, wanted: int) -> None:
    change = wanted - customer["balance"]
    if change and desk.books.get("customer", customer["id"]):
        move_balance(desk, customer, change, kind="adjustment")
    customer["balance"] = wanted


def move_balance(
    desk: Desk,
    customer: Json,
    amount: int,
    *,
    kind: str,
    invoice: str | None = None,
    description: str | None = None,
    currency: str = "",
    metadata: Json | None = None,
) -> Json:
    """Below zero is the customer's credit. Writes the transaction; the caller tells of the changed customer."""
    customer["balance"] += amount
    customer["currency"] = customer["currency"] or currency or "usd"
    desk.save(customer)
    transaction = {
        "id": ids.new("customer_balance_transaction"),
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": None,
        "created": desk.now,
        "credit_note": None,
        "currency": customer["currency"],
        "customer": customer["id"],
        "customer_account": None,
        "description": description,
        "ending_balance": customer["balance"],
        "invoice": invoice,
        "livemode": LIVEMODE,
        "metadata": metadata or {},
        "type": kind,
    }
    return desk.add(transaction)


@route("POST /v1/customers/:id/balance_transactions", "amount currency description metadata")
def create_balance_transaction(desk: Desk, params: Params, id: str) -> Json:
    customer = desk.need("customer", id)
    before = copy(customer)
    currency = params.need("currency").lower()
    if customer["currency"] not in (None, currency):
        raise invalid(
            f"The currency specified does not match the customer's currency: {customer['currency']}.",
            "currency",
        )
    transaction = move_balance(
        desk,
        customer,
        params.need_integer("amount"),
        kind="adjustment",
        currency=currency,
        description=params.text("description"),
        metadata=params.metadata(),
    )
    desk.changed(customer, before)
    return transaction


@route("GET /v1/customers/:id/balance_transactions", f"created invoice {PAGE}")
def list_balance_transactions(desk: Desk, params: Params, id: str) -> Json:
    desk.need("customer", id)
    url = f"/v1/customers/{id}/balance_transactions"
    invoice = params.text("invoice")
    return listing.page(
        desk,
        params,
        "customer_balance_transaction",
        url,
        (lambda found: found["invoice"] == invoice) if invoice else None,
        customer=id,
    )


@route("GET /v1/customers/:id/balance_transactions/:transaction")
def retrieve_balance_transaction(desk: Desk, params: Params, id: str, transaction: str) -> Json:
    desk.need("customer", id)
    return desk.need("customer_balance_transaction", transaction)


# tax ids


def add_tax_id(desk: Desk, customer: Json, params: Params) -> Json:
    value = params.need("value")
    tax_id = {
        "id": ids.new("tax_id"),
        "object": "tax_id",
        "country": value[:2].upper() if value[:2].isalpha() else None,
        "created": desk.now,
        "customer": customer["id"],
        "customer_account": None,
        "livemode": LIVEMODE,
        "owner": {"type": "customer", "customer": customer["id"], "customer_account": None},
        "type": params.need("type"),
        "value": value,
        "verification": {"status": "verified", "verified_address": None, "verified_name": None},
    }
    return desk.create(tax_id)


@route("POST /v1/customers/:id/tax_ids", "type value")
def create_tax_id(desk: Desk, params: Params, id: str) -> Json:
    return add_tax_id(desk, desk.need("customer", id), params)


@route("GET /v1/customers/:id/tax_ids", PAGE)
def list_tax_ids(desk: Desk, params: Params, id: str) -> Json:
    desk.need("customer", id)
    return listing.page(desk, params, "tax_id", f"/v1/customers/{id}/tax_ids", customer=id)


@route("GET /v1/customers/:id/tax_ids/:tax_id")
def retrieve_tax_id(desk: Desk, params: Params, id: str, tax_id: str) -> Json:
    desk.need("customer", id)
    return desk.need("tax_id", tax_id)


@route("DELETE /v1/customers/:id/tax_ids/:tax_id")
def delete_tax_id(desk: Desk, params: Params, id: str, tax_id: str) -> Json:
    desk.need("customer", id)
    return desk.delete(desk.need("tax_id", tax_id))


@included("customer", "tax_ids")
def _tax_ids(desk: Desk, customer: Json) -> Json:
    id = customer["id"]
    return listing.envelope(desk.newest("tax_id", customer=id), f"/v1/customers/{id}/tax_ids")


@included("customer", "subscriptions")
def _subscriptions(desk: Desk, customer: Json) -> Json:
    ended = ("canceled", "incomplete_expired")
    rows = [row for row in desk.newest("subscription", customer=customer["id"]) if row["status"] not in ended]
    return listing.envelope(rows, f"/v1/customers/{customer['id']}/subscriptions")


@included("customer", "sources")
def _sources(desk: Desk, customer: Json) -> Json:
    return listing.envelope([], f"/v1/customers/{customer['id']}/sources")


@included("customer", "tax")
def _tax(desk: Desk, customer: Json) -> Json:
    return {"automatic_tax": "supported", "ip_address": None, "location": None, "provider": "stripe"}
