"""Coupons, promotion codes, and the discounts they give."""

import json
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from billing.simulator.core import ids, listing, periods
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, Refused, invalid, missing
from billing.simulator.core.expansion import included
from billing.simulator.core.params import Params, one_of
from billing.simulator.core.routing import PAGE, route


@route(
    "POST /v1/coupons",
    "id amount_off percent_off currency duration duration_in_months max_redemptions name redeem_by metadata applies_to",
)
def create_coupon(desk: Desk, params: Params) -> Json:
    id = params.text("id") or ids.word(8)
    if desk.get("coupon", id):
        raise Refused("Coupon already exists.", code="resource_already_exists", param="id")
    if not one_of(params, "amount_off", "percent_off"):
        raise invalid("Must provide percent_off or amount_off.", "percent_off", "parameter_missing")
    amount_off = params.integer("amount_off", least=1)
    duration = params.choice("duration", "once repeating forever", "once")
    if duration == "repeating":
        params.need("duration_in_months")
    products = params.hash("applies_to", "products").words("products")
    coupon = {
        "id": id,
        "object": "coupon",
        "amount_off": amount_off,
        "created": desk.now,
        "currency": params.need("currency").lower() if amount_off else None,
        "duration": duration,
        "duration_in_months": params.integer("duration_in_months") if duration == "repeating" else None,
        "livemode": LIVEMODE,
        "max_redemptions": params.integer("max_redemptions", least=1),
        "metadata": params.metadata(),
        "name": params.text("name"),
        "percent_off": None if amount_off else _percent(params),
        "redeem_by": params.integer("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }
    return desk.create(coupon, products=products)


def _percent(params: Params) -> Any:
    """The JSON number. Nothing is ever computed with it but through its text."""
    try:
        percent = Decimal(params.need("percent_off"))
    except InvalidOperation:
        raise invalid("Invalid decimal", "percent_off") from None
    if not 0 < percent <= 100:
        raise invalid("Invalid percent_off: must be greater than 0 and at most 100.", "percent_off")
    return json.loads(format(percent.normalize(), "f"))


@route("GET /v1/coupons/:id")
def retrieve_coupon(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("coupon", id)


@route("GET /v1/coupons", f"created {PAGE}")
def list_coupons(desk: Desk, params: Params) -> Json:
    return listing.page(desk, params, "coupon", "/v1/coupons")


@route("POST /v1/coupons/:id", "name metadata")
def update_coupon(desk: Desk, params: Params, id: str) -> Json:
    coupon = desk.need("coupon", id)
    before = copy(coupon)
    if "name" in params:
        coupon["name"] = params.text("name")
    coupon["metadata"] = params.metadata(coupon["metadata"])
    return desk.changed(coupon, before)


@route("DELETE /v1/coupons/:id")
def delete_coupon(desk: Desk, params: Params, id: str) -> Json:
    return desk.delete(desk.need("coupon", id))


@included("coupon", "applies_to")
def _applies_to(desk: Desk, coupon: Json) -> Json | None:
    row = desk.books.get("coupon", coupon["id"])
    return {"products": row.meta["products"]} if row and row.meta["products"] else None


@route(
    "POST /v1/promotion_codes",
    "promotion code customer active expires_at max_redemptions metadata restrictions",
)
def create_promotion_code(desk: Desk, params: Params) -> Json:
    promotion = params.hash("promotion", "type coupon")
    coupon = desk.need("coupon", promotion.need("coupon"), promotion.named("coupon"))
    promotion.choice("type", "coupon", "coupon")
    code = params.text("code") or ids.word(8, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789")
    if any(
        found["active"] and found["code"].lower() == code.lower() for found in desk.newest("promotion_code")
    ):
        raise invalid(
            "An active promotion code with this code already exists.", "code", "resource_already_exists"
        )
    return desk.create(
        {
            "id": ids.new("promotion_code"),
            "object": "promotion_code",
            "active": params.boolean("active", default=True),
            "code": code,
            "created": desk.now,
            "customer": params.text("customer"),
            "customer_account": None,
            "expires_at": params.integer("expires_at"),
            "livemode": LIVEMODE,
            "max_redemptions": params.integer("max_redemptions", least=1),
            "metadata": params.metadata(),
            "promotion": {"type": "coupon", "coupon": coupon["id"]},
            "restrictions": _restrictions(params),
            "times_redeemed": 0,
        },
        parent=coupon["id"],
    )


def _restrictions(params: Params) -> Json:
    given = params.hash("restrictions", "first_time_transaction minimum_amount minimum_amount_currency")
    return {
        "first_time_transaction": given.boolean("first_time_transaction"),
        "minimum_amount": given.integer("minimum_amount"),
        "minimum_amount_currency": given.text("minimum_amount_currency"),
    }


@route("GET /v1/promotion_codes/:id")
def retrieve_promotion_code(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("promotion_code", id)


@route("GET /v1/promotion_codes", f"active code coupon customer created {PAGE}")
def list_promotion_codes(desk: Desk, params: Params) -> Json:
    active = params.boolean("active") if "active" in params else None
    code = params.text("code")
    return listing.page(
        desk,
        params,
        "promotion_code",
        "/v1/promotion_codes",
        lambda found: (
            active in (None, found["active"]) and (code is None or found["code"].lower() == code.lower())
        ),
        customer=params.text("customer"),
        parent=params.text("coupon"),
    )


@route("POST /v1/promotion_codes/:id", "active metadata restrictions")
def update_promotion_code(desk: Desk, params: Params, id: str) -> Json:
    code = desk.need("promotion_code", id)
    before = copy(code)
    if "active" in params:
        code["active"] = params.boolean("active")
    code["metadata"] = params.metadata(code["metadata"])
    return desk.changed(code, before)


# giving discounts


@dataclass(frozen=True)
class Offer:
    """A coupon somebody may have, and the code that named it."""

    coupon: Json
    code: Json | None = None


def by_code(
    desk: Desk, text: str, customer: str | None, *, amount: int, param: str = "promotion_code"
) -> Offer:
    """What a customer types. Raises Refused, whose message may be shown."""
    wanted = text.strip().lower()
    found = next((row for row in desk.newest("promotion_code") if row["code"].lower() == wanted), None)
    if found is None:
        raise invalid("This code is invalid.", param, "resource_missing")
    return of_code(desk, found, customer, amount=amount, param=param)


def of_code(desk: Desk, code: Json, customer: str | None, *, amount: int, param: str) -> Offer:
    limit, ends = code["max_redemptions"], code["expires_at"]
    if ends is not None and desk.now >= ends:
        raise invalid("This promotion code has expired.", param, "coupon_expired")
    if not code["active"] or (limit is not None and code["times_redeemed"] >= limit):
        raise invalid("This promotion code cannot be redeemed any more.", param, "coupon_expired")
    if code["customer"] not in (None, customer):
        raise invalid("This promotion code cannot be redeemed by this customer.", param)
    restrictions = code["restrictions"]
    if restrictions["first_time_transaction"] and customer and _has_bought(desk, customer):
        raise invalid(
            "This promotion code cannot be redeemed because the associated customer has prior transactions.",
            param,
        )
    if restrictions["minimum_amount"] and amount < restrictions["minimum_amount"]:
        raise invalid("This promotion code needs a larger purchase.", param)
    return Offer(of_coupon(desk, code["promotion"]["coupon"], param).coupon, code)


def _has_bought(desk: Desk, customer: str) -> bool:
    return any(row["paid"] for row in desk.newest("charge", customer=customer))


def of_coupon(desk: Desk, id: str, param: str) -> Offer:
    coupon = desk.get("coupon", id)
    if coupon is None:
        raise missing("coupon", id, param)
    limit, ends = coupon["max_redemptions"], coupon["redeem_by"]
    if (limit is not None and coupon["times_redeemed"] >= limit) or (ends is not None and desk.now >= ends):
        raise invalid(f"Coupon expired: {id}", param, "coupon_expired")
    return Offer(coupon)


def wanted(
    desk: Desk, params: Params, customer: str | None, *, amount: int, name: str = "discounts"
) -> list[Offer]:
    """The offers a request names: `[{coupon}, {promotion_code}]`."""
    offers = []
    for row in params.hashes(name, "coupon promotion_code discount"):
        if one_of(row, "coupon", "promotion_code", "discount") == "coupon":
            offers.append(of_coupon(desk, row.need("coupon"), row.named("coupon")))
        elif "promotion_code" in row:
            code = desk.need("promotion_code", row.need("promotion_code"), row.named("promotion_code"))
            offers.append(of_code(desk, code, customer, amount=amount, param=row.named("promotion_code")))
        elif "discount" in row:
            discount = desk.need("discount", row.need("discount"), row.named("discount"))
            offers.append(Offer(desk.need("coupon", discount["source"]["coupon"])))
    return offers


def redeem(
    desk: Desk, offer: Offer, *, customer: str, subscription: str | None, session: str | None = None
) -> str:
    """Makes the discount and counts it; its id."""
    coupon = offer.coupon
    months = coupon["duration_in_months"]
    discount = {
        "id": ids.new("discount"),
        "object": "discount",
        "checkout_session": session,
        "customer": customer,
        "customer_account": None,
        "end": periods.nth(desk.now, "month", 1, months) if months else None,
        "invoice": None,
        "invoice_item": None,
        "promotion_code": offer.code["id"] if offer.code else None,
        "source": {"type": "coupon", "coupon": coupon["id"]},
        "start": desk.now,
        "subscription": subscription,
        "subscription_item": None,
    }
    desk.add(discount, parent=subscription)
    for counted in (coupon, offer.code):
        if counted is not None:
            before = copy(counted)
            counted["times_redeemed"] += 1
            if counted is coupon and counted["max_redemptions"] is not None:
                counted["valid"] = counted["times_redeemed"] < counted["max_redemptions"]
            desk.changed(counted, before)
    desk.emit("customer.discount.created", discount)
    return str(discount["id"])


def reduction(desk: Desk, coupon: Json, amount: int) -> int:
    """What a coupon takes off an amount, which it never takes below zero."""
    if coupon["amount_off"] is not None:
        return min(amount, int(coupon["amount_off"]))
    exact = Decimal(amount) * Decimal(str(coupon["percent_off"])).scaleb(-2)
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def coupon_of(desk: Desk, discount_id: str) -> Json | None:
    """The coupon of a discount that still counts."""
    discount = desk.get("discount", discount_id)
    if discount is None or (discount["end"] is not None and desk.now >= discount["end"]):
        return None
    row = desk.books.get("coupon", discount["source"]["coupon"])
    return row.meta.get("as_was", row.data) if row else None


def covers(desk: Desk, coupon: Json, product: str | None) -> bool:
    row = desk.books.get("coupon", coupon["id"])
    products = row.meta["products"] if row else []
    return not products or product in products
