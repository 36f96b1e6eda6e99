"""The addresses of Checkout sessions. What happens on their page is `checkout`."""

from billing.simulator.core import discounts, ids, lines, listing, pages
from billing.simulator.core.clock import due
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.expansion import included
from billing.simulator.core.params import Params, one_of
from billing.simulator.core.products import make_price, need_price
from billing.simulator.core.routing import PAGE, route

DAY = 86_400
LINE = "price price_data quantity adjustable_quantity metadata"
SUBSCRIPTION_DATA = (
    "billing_cycle_anchor billing_mode description metadata trial_end trial_period_days trial_settings "
    "proration_behavior"
)
FIELDS = (
    "mode success_url cancel_url return_url ui_mode customer customer_email customer_creation customer_update "
    "client_reference_id currency line_items subscription_data payment_intent_data setup_intent_data invoice_creation "
    "metadata allow_promotion_codes discounts automatic_tax tax_id_collection payment_method_collection "
    "payment_method_types expires_at locale billing_address_collection phone_number_collection "
    "saved_payment_method_options submit_type"
)


@route("POST /v1/checkout/sessions", FIELDS)
def create(desk: Desk, params: Params) -> Json:
    params.need("mode")
    mode = params.choice("mode", "payment setup subscription") or ""
    if params.choice("ui_mode", "hosted_page elements embedded_page form", "hosted_page") != "hosted_page":
        raise invalid("Simulated Checkout has a hosted page only.", "ui_mode")
    customer = _customer(desk, params)
    rows = _lines(desk, params, mode)
    offers = _offers(desk, params, customer, rows)
    session = _blank(desk, params, mode, customer)
    session |= _dates(desk, params)
    _add_switches(session, params, mode)
    meta = {
        "lines": rows,
        "offers": offers,
        "subscription_data": _subscription_data(desk, params, mode),
        "payment_intent_data": params.hash("payment_intent_data").values,
        "setup_intent_data": params.hash("setup_intent_data", "description metadata").values,
        "invoice_creation": params.hash("invoice_creation").boolean("enabled"),
        "customer_update": params.hash("customer_update", "address name shipping").values,
    }
    desk.add(session, due_at=session["expires_at"], **meta)
    price_up(desk, session)
    return desk.save(session)


def _customer(desk: Desk, params: Params) -> Json | None:
    if one_of(params, "customer", "customer_email") != "customer":
        return None
    customer = desk.need("customer", params.need("customer"), "customer")
    update = params.hash("customer_update", "address name shipping")
    if params.hash("tax_id_collection").boolean("enabled") and update.text("name") != "auto":
        raise invalid(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an "
            "existing customer, please set `customer_update[name]` to `auto`.",
            "customer_update[name]",
        )
    has_address = (customer["address"] or {}).get("country") or update.text("address") == "auto"
    if params.hash("automatic_tax").boolean("enabled") and not has_address:
        raise invalid(
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to "
            "the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto'.",
            "automatic_tax",
            "customer_tax_location_invalid",
        )
    return customer


def _lines(desk: Desk, params: Params, mode: str) -> list[Json]:
    given = params.hashes("line_items", LINE)
    if mode == "setup":
        if given:
            raise invalid("`line_items` cannot be passed in `setup` mode.", "line_items")
        return []
    if not given:
        raise invalid("Checkout needs at least one line item.", "line_items", "parameter_missing")
    rows = [_line(desk, row) for row in given]
    recurring = [row for row in rows if desk.need("price", row["price"])["type"] == "recurring"]
    if mode == "payment" and recurring:
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            "line_items",
        )
    if mode == "subscription" and not recurring:
        raise invalid(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
            "line_items",
        )
    return rows


def _line(desk: Desk, given: Params) -> Json:
    if one_of(given, "price", "price_data") == "price_data":
        price = make_price(desk, given.hash("price_data"))
    else:
        price = need_price(desk, given.need("price"), given.named("price"))
    is_metered = bool(price["recurring"]) and price["recurring"]["usage_type"] == "metered"
    if is_metered and "quantity" in given:
        raise invalid("Metered prices have no quantity.", given.named("quantity"))
    adjustable = given.hash("adjustable_quantity", "enabled minimum maximum")
    quantity = None if is_metered else given.need_integer("quantity", least=1)
    return {
        "id": ids.new("item"),
        "price": price["id"],
        "quantity": quantity,
        "adjustable": {
            "enabled": adjustable.boolean("enabled"),
            "minimum": adjustable.integer("minimum", 1),
            "maximum": adjustable.integer("maximum", 99),
        },
        "metadata": given.metadata(),
    }


def _offers(desk: Desk, params: Params, customer: Json | None, rows: list[Json]) -> list[Json]:
    if one_of(params, "discounts", "allow_promotion_codes") != "discounts":
        return []
    amount = sum(_amount(desk, row) for row in rows)
    found = discounts.wanted(desk, params, customer["id"] if customer else None, amount=amount)
    return [offer_row(offer) for offer in found]


def offer_row(offer: discounts.Offer) -> Json:
    return {"coupon": offer.coupon["id"], "promotion_code": offer.code["id"] if offer.code else None}


def _amount(desk: Desk, row: Json) -> int:
    return lines.amount_of(desk.need("price", row["price"]), row["quantity"]) if row["quantity"] else 0


def _subscription_data(desk: Desk, params: Params, mode: str) -> Json:
    data = params.hash("subscription_data", SUBSCRIPTION_DATA)
    if data.names() and mode != "subscription":
        raise invalid("You can only pass `subscription_data` in `subscription` mode.", "subscription_data")
    one_of(data, "trial_end", "trial_period_days")
    days = data.integer("trial_period_days", least=1)
    ends = data.integer("trial_end")
    if ends is not None and ends < desk.now + 2 * DAY:
        raise invalid(
            "The `trial_end` date has to be at least 2 days in the future.", data.named("trial_end")
        )
    behaviour = data.hash("trial_settings", "end_behavior").hash("end_behavior", "missing_payment_method")
    return {
        "description": data.text("description"),
        "metadata": data.metadata(),
        "trial_days": days,
        "trial_end": ends,
        "missing_payment_method": behaviour.choice("missing_payment_method", "cancel create_invoice pause"),
    }


def _blank(desk: Desk, params: Params, mode: str, customer: Json | None) -> Json:
    id = ids.new("checkout.session", 58)
    setup = mode == "subscription" and params.choice(
        "payment_method_collection", "always if_required", "always"
    )
    return copy(BLANK) | {
        "id": id,
        "cancel_url": params.text("cancel_url"),
        "client_reference_id": params.text("client_reference_id"),
        "created": desk.now,
        "customer": customer["id"] if customer else None,
        "customer_details": _details(customer, params.text("customer_email")),
        "customer_email": params.text("customer_email"),
        "locale": params.text("locale"),
        "metadata": params.metadata(),
        "mode": mode,
        "payment_method_collection": setup or ("if_required" if mode == "payment" else "always"),
        "payment_method_types": params.words("payment_method_types") or ["card"],
        "submit_type": params.choice("submit_type", "auto book donate pay subscribe"),
        "success_url": params.need("success_url"),
        "url": pages.checkout(id),
    }


BLANK: Json = {
    "object": "checkout.session",
    "after_expiration": None,
    "allow_promotion_codes": None,
    "billing_address_collection": None,
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "customer_account": None,
    "customer_creation": None,
    "discounts": [],
    "invoice": None,
    "invoice_creation": None,
    "livemode": LIVEMODE,
    "origin_context": None,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "payment_status": "unpaid",
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "subscription": None,
    "ui_mode": "hosted_page",
    "wallet_options": None,
}


def _details(customer: Json | None, email: str | None) -> Json | None:
    if customer is None and email is None:
        return None
    shown = customer or {"email": email, "address": None, "name": None, "phone": None, "tax_exempt": "none"}
    names = ("address", "email", "name", "phone", "tax_exempt")
    return {name: copy(shown[name]) for name in names} | {"tax_ids": None}


def _dates(desk: Desk, params: Params) -> Json:
    expires = params.integer("expires_at", desk.now + DAY) or 0
    if not desk.now + 1800 <= expires <= desk.now + DAY:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from now.",
            "expires_at",
        )
    return {"expires_at": expires}


def _add_switches(session: Json, params: Params, mode: str) -> None:
    tax = params.hash("automatic_tax", "enabled liability").boolean("enabled")
    session["automatic_tax"] = {
        "enabled": tax,
        "liability": {"type": "self"} if tax else None,
        "provider": "stripe" if tax else None,
        "status": "requires_location_inputs" if tax else None,
    }
    if "allow_promotion_codes" in params:
        session["allow_promotion_codes"] = params.boolean("allow_promotion_codes")
    if "tax_id_collection" in params:
        given = params.hash("tax_id_collection", "enabled required")
        required = given.choice("required", "if_supported never", "never")
        session["tax_id_collection"] = {"enabled": given.boolean("enabled"), "required": required}
    if "billing_address_collection" in params:
        session["billing_address_collection"] = params.choice("billing_address_collection", "auto required")
    if session["customer"] is None:
        default = "if_required" if mode == "payment" else "always"
        session["customer_creation"] = params.choice("customer_creation", "always if_required", default)


def price_up(desk: Desk, session: Json) -> None:
    """The amounts, by the lines and discounts as they are now. A trial is due later: nothing now."""
    meta = desk.meta(session)
    if session["mode"] == "setup":
        session |= {"amount_subtotal": None, "amount_total": None, "currency": None, "total_details": None}
        return
    prices = [desk.need("price", row["price"]) for row in meta["lines"]]
    is_trial = bool(meta["subscription_data"]["trial_days"] or meta["subscription_data"]["trial_end"])
    due_now = [
        0 if is_trial and price["type"] == "recurring" else _amount(desk, row)
        for row, price in zip(meta["lines"], prices, strict=True)
    ]
    subtotal = sum(due_now)
    taken = 0
    for offer in meta["offers"]:
        coupon = desk.need("coupon", offer["coupon"])
        covered = sum(
            amount
            for amount, price in zip(due_now, prices, strict=True)
            if discounts.covers(desk, coupon, price["product"])
        )
        taken += min(discounts.reduction(desk, coupon, covered), subtotal - taken)
    session |= {
        "amount_subtotal": subtotal,
        "amount_total": subtotal - taken,
        "currency": prices[0]["currency"],
        "discounts": [
            {"coupon": row["coupon"], "promotion_code": row["promotion_code"]} for row in meta["offers"]
        ],
        "total_details": {"amount_discount": taken, "amount_shipping": 0, "amount_tax": 0},
    }


@route("GET /v1/checkout/sessions", f"customer payment_intent status subscription created {PAGE}")
def list_sessions(desk: Desk, params: Params) -> Json:
    status = params.choice("status", "open complete expired")
    intent = params.text("payment_intent")
    return listing.page(
        desk,
        params,
        "checkout.session",
        "/v1/checkout/sessions",
        (lambda found: found["payment_intent"] == intent) if intent else None,
        customer=params.text("customer"),
        parent=params.text("subscription"),
        statuses=(status,) if status else None,
    )


@route("GET /v1/checkout/sessions/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("checkout.session", id)


@route("POST /v1/checkout/sessions/:id", "metadata")
def update(desk: Desk, params: Params, id: str) -> Json:
    session = desk.need("checkout.session", id)
    session["metadata"] = params.metadata(session["metadata"])
    return desk.save(session)


@route("POST /v1/checkout/sessions/:id/expire")
def expire(desk: Desk, params: Params, id: str) -> Json:
    session = desk.need("checkout.session", id)
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{session['status']}."
        )
    run_out(desk, session)
    return session


@due("checkout.session")
def run_out(desk: Desk, session: Json) -> None:
    if session["status"] != "open":
        return
    session |= {"status": "expired", "url": None}
    desk.schedule(session, None)
    desk.emit("expired", session)


@route("GET /v1/checkout/sessions/:id/line_items", PAGE)
def list_line_items(desk: Desk, params: Params, id: str) -> Json:
    session = desk.need("checkout.session", id)
    return listing.slice_of(line_items(desk, session), params, f"/v1/checkout/sessions/{id}/line_items")


def line_items(desk: Desk, session: Json) -> list[Json]:
    rows = []
    for row in desk.meta(session)["lines"]:
        price = desk.need("price", row["price"])
        amount = _amount(desk, row)
        rows.append(
            {
                "id": row["id"],
                "object": "item",
                "adjustable_quantity": row["adjustable"] if row["adjustable"]["enabled"] else None,
                "amount_discount": 0,
                "amount_subtotal": amount,
                "amount_tax": 0,
                "amount_total": amount,
                "currency": price["currency"],
                "description": lines.name_of(desk, price),
                "metadata": row["metadata"],
                "price": copy(price),
                "quantity": row["quantity"],
            }
        )
    return rows


@included("checkout.session", "line_items")
def _line_items(desk: Desk, session: Json) -> Json:
    stored = desk.need("checkout.session", session["id"])
    return listing.envelope(line_items(desk, stored), f"/v1/checkout/sessions/{session['id']}/line_items")


def details_of(desk: Desk, customer: Json, email: str | None) -> Json:
    details = _details(customer, email) or {}
    tax_ids = desk.oldest("tax_id", customer=customer["id"])
    return details | {"tax_ids": [{"type": row["type"], "value": row["value"]} for row in tax_ids]}


@included("checkout.session", "total_details.breakdown")
def _breakdown(desk: Desk, session: Json) -> Json:
    given = [row for row in desk.newest("discount") if row["checkout_session"] == session["id"]]
    amount = session["total_details"]["amount_discount"]
    return {"discounts": [{"amount": amount, "discount": copy(row)} for row in given], "taxes": []}
