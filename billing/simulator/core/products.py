"""Products and prices."""

from decimal import Decimal, InvalidOperation

from billing.simulator.core import ids, listing
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, Refused, invalid, missing
from billing.simulator.core.expansion import included
from billing.simulator.core.params import BIGGEST_AMOUNT, Params, one_of
from billing.simulator.core.routing import PAGE, route

PRODUCT = (
    "active description metadata name images marketing_features statement_descriptor tax_code unit_label url "
    "shippable"
)
RECURRING = "interval interval_count usage_type meter trial_period_days"
PRICE = (
    "active billing_scheme currency lookup_key transfer_lookup_key metadata nickname product product_data recurring "
    "tax_behavior unit_amount unit_amount_decimal"
)
INTERVALS = "day week month year"


@route("POST /v1/products", f"id default_price_data {PRODUCT}")
def create_product(desk: Desk, params: Params) -> Json:
    id = params.text("id") or ids.new("product", 14)
    if desk.get("product", id):
        raise Refused("Product already exists.", code="resource_already_exists", param="id")
    product: Json = {
        "id": id,
        "object": "product",
        "active": params.boolean("active", default=True),
        "created": desk.now,
        "default_price": None,
        "description": params.text("description"),
        "images": params.words("images"),
        "livemode": LIVEMODE,
        "marketing_features": _features(params),
        "metadata": params.metadata(),
        "name": params.need("name"),
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": params.text("statement_descriptor"),
        "tax_code": params.text("tax_code"),
        "type": "service",
        "unit_label": params.text("unit_label"),
        "updated": desk.now,
        "url": params.text("url"),
    }
    desk.create(product)
    if "default_price_data" in params:
        data = params.hash("default_price_data", PRICE)
        price = make_price(desk, Params({**data.values, "product": id}, path=data.path))
        product["default_price"] = price["id"]
        desk.save(product)
    return product


def _features(params: Params) -> list[Json]:
    return [{"name": row.need("name")} for row in params.hashes("marketing_features", "name")]


@route("GET /v1/products", f"active ids created {PAGE}")
def list_products(desk: Desk, params: Params) -> Json:
    wanted = set(params.words("ids"))
    active = params.boolean("active") if "active" in params else None
    return listing.page(
        desk,
        params,
        "product",
        "/v1/products",
        keep=lambda found: active in (None, found["active"]) and (not wanted or found["id"] in wanted),
    )


@route("GET /v1/products/:id")
def retrieve_product(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("product", id)


@route("POST /v1/products/:id", f"default_price {PRODUCT}")
def update_product(desk: Desk, params: Params, id: str) -> Json:
    product = desk.need("product", id)
    before = copy(product)
    for name in ("name", "description", "statement_descriptor", "tax_code", "unit_label", "url"):
        if name in params:
            product[name] = params.text(name)
    if "default_price" in params:
        product["default_price"] = params.text("default_price")
    if "active" in params:
        product["active"] = params.boolean("active")
    if "images" in params:
        product["images"] = params.words("images")
    if "marketing_features" in params:
        product["marketing_features"] = _features(params)
    product["metadata"] = params.metadata(product["metadata"])
    if product != before:
        product["updated"] = desk.now
    return desk.changed(product, before)


@route("DELETE /v1/products/:id")
def delete_product(desk: Desk, params: Params, id: str) -> Json:
    product = desk.need("product", id)
    if desk.newest("price", parent=id):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    return desk.delete(product)


@route("POST /v1/prices", PRICE)
def create_price(desk: Desk, params: Params) -> Json:
    return make_price(desk, params)


def make_price(desk: Desk, params: Params) -> Json:
    currency = params.need("currency").lower()
    product = _product_of(desk, params)
    amount, amount_decimal = _amount(params)
    recurring = _recurring(desk, params)
    price: Json = {
        "id": ids.new("price"),
        "object": "price",
        "active": params.boolean("active", default=True),
        "billing_scheme": params.choice("billing_scheme", "per_unit", "per_unit"),
        "created": desk.now,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": LIVEMODE,
        "lookup_key": None,
        "metadata": params.metadata(),
        "nickname": params.text("nickname"),
        "product": product["id"],
        "recurring": recurring,
        "tax_behavior": params.choice("tax_behavior", "exclusive inclusive unspecified", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": amount_decimal,
    }
    _name(desk, price, params)
    return desk.create(price)


def _product_of(desk: Desk, params: Params) -> Json:
    if one_of(params, "product", "product_data") == "product_data":
        data = params.hash("product_data", "name active metadata statement_descriptor tax_code unit_label")
        return create_product(desk, data)
    return desk.need("product", params.need("product"), params.named("product"))


def _amount(params: Params) -> tuple[int | None, str]:
    if one_of(params, "unit_amount", "unit_amount_decimal") == "unit_amount_decimal":
        text = params.need("unit_amount_decimal")
        try:
            exact = Decimal(text)
        except InvalidOperation:
            raise invalid(f"Invalid decimal: {text}", params.named("unit_amount_decimal")) from None
        if exact < 0 or -int(exact.as_tuple().exponent) > 12:
            raise invalid(
                "Invalid decimal: at most 12 places, not negative.", params.named("unit_amount_decimal")
            )
        is_whole = exact == exact.to_integral_value()
        return int(exact) if is_whole else None, format(exact.normalize(), "f")
    amount = params.need_integer("unit_amount", least=0)
    if amount > BIGGEST_AMOUNT:
        raise invalid(
            "Amount must be no more than $999,999.99", params.named("unit_amount"), "amount_too_large"
        )
    return amount, str(amount)


def _recurring(desk: Desk, params: Params) -> Json | None:
    if "recurring" not in params:
        return None
    recurring = params.hash("recurring", RECURRING)
    recurring.need("interval")
    usage_type = recurring.choice("usage_type", "licensed metered", "licensed")
    meter = recurring.text("meter")
    if usage_type == "metered":
        if not meter:
            raise invalid("Metered prices need a meter.", recurring.named("meter"), "parameter_missing")
        desk.need("billing.meter", meter, recurring.named("meter"))
    elif meter:
        raise invalid("Only metered prices have a meter.", recurring.named("meter"))
    return {
        "interval": recurring.choice("interval", INTERVALS),
        "interval_count": recurring.integer("interval_count", 1, least=1),
        "meter": meter,
        "trial_period_days": recurring.integer("trial_period_days"),
        "usage_type": usage_type,
    }


def _name(desk: Desk, price: Json, params: Params) -> None:
    """Gives it its lookup key, which one price has at a time and `transfer_lookup_key` takes from another."""
    key = params.text("lookup_key")
    if key and len(key) > 200:
        raise invalid("Invalid string: lookup keys can be up to 200 characters long.", "lookup_key")
    for holder in desk.newest("price", key=key) if key else []:
        if holder["id"] == price["id"]:
            continue
        if not params.boolean("transfer_lookup_key"):
            raise invalid(
                f"A price (`{holder['id']}`) already uses that lookup key.", params.named("lookup_key")
            )
        before = copy(holder)
        holder["lookup_key"] = None
        desk.changed(holder, before)
        _refresh(desk, holder)
    price["lookup_key"] = key


@route("GET /v1/prices", f"active currency lookup_keys product recurring type created {PAGE}")
def list_prices(desk: Desk, params: Params) -> Json:
    keys = params.words("lookup_keys")
    recurring = params.hash("recurring", "interval usage_type meter")
    active = params.boolean("active") if "active" in params else None

    def keep(price: Json) -> bool:
        return (
            active in (None, price["active"])
            and (not keys or price["lookup_key"] in keys)
            and params.text("currency") in (None, price["currency"])
            and params.choice("type", "recurring one_time") in (None, price["type"])
            and all(
                (price["recurring"] or {}).get(name) == recurring.text(name) for name in recurring.names()
            )
        )

    key = keys[0] if len(keys) == 1 else None
    return listing.page(desk, params, "price", "/v1/prices", keep, parent=params.text("product"), key=key)


@route("GET /v1/prices/:id")
def retrieve_price(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("price", id)


@route("POST /v1/prices/:id", "active lookup_key transfer_lookup_key metadata nickname tax_behavior")
def update_price(desk: Desk, params: Params, id: str) -> Json:
    price = desk.need("price", id)
    before = copy(price)
    if "active" in params:
        price["active"] = params.boolean("active")
    if "nickname" in params:
        price["nickname"] = params.text("nickname")
    if "lookup_key" in params:
        _name(desk, price, params)
    price["metadata"] = params.metadata(price["metadata"])
    desk.changed(price, before)
    _refresh(desk, price)
    return price


def _refresh(desk: Desk, price: Json) -> None:
    """Subscriptions show their prices as they are now."""
    for subscription in desk.newest("subscription"):
        for item in subscription["items"]["data"]:
            if item["price"]["id"] == price["id"]:
                item["price"] = copy(price)
                desk.save(subscription)


def plan_of(price: Json) -> Json:
    """The older name of a recurring price, which items still show."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": LIVEMODE,
        "metadata": price["metadata"],
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }


@included("price", "currency_options")
def _currency_options(desk: Desk, price: Json) -> Json:
    return {
        price["currency"]: {
            "custom_unit_amount": None,
            "tax_behavior": price["tax_behavior"],
            "unit_amount": price["unit_amount"],
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
    }


@included("price", "tiers")
def _tiers(desk: Desk, price: Json) -> None:
    return None


def need_price(desk: Desk, id: str, param: str) -> Json:
    """A price that can be sold."""
    price = desk.get("price", id)
    if price is None:
        raise missing("price", id, param)
    if not price["active"]:
        raise invalid(
            "The price specified is inactive. This field only accepts active prices.", param, "price_inactive"
        )
    return price
