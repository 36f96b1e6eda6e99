"""Saved cards."""

import hashlib

from billing.simulator.core import cards, ids, listing
from billing.simulator.core.cards import Card
from billing.simulator.core.customers import ADDRESS, address_of
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid, missing
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route


def make(desk: Desk, card: Card, billing_details: Json | None = None) -> Json:
    """A card that belongs to nobody yet."""
    method = {
        "id": ids.new("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": dict.fromkeys(ADDRESS),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        }
        | (billing_details or {}),
        "card": _shown(card),
        "created": desk.now,
        "customer": None,
        "customer_account": None,
        "livemode": LIVEMODE,
        "metadata": {},
        "type": "card",
    }
    return desk.add(method, behaviour=card.behaviour, is_set_up=False)


def _shown(card: Card) -> Json:
    mark = hashlib.sha256(f"{card.brand}{card.last4}{card.behaviour}".encode()).hexdigest()[:16]
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": mark,
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def attach(desk: Desk, method: Json, customer: Json) -> Json:
    """Raises Refused (402) for a card whose bank refuses even that."""
    behaviour = desk.meta(method)["behaviour"]
    if behaviour in cards.TEXTS:
        raise cards.decline(behaviour)
    if method["customer"] not in (None, customer["id"]):
        raise invalid(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    if method["customer"] is None:
        method["customer"] = customer["id"]
        desk.save(method)
        desk.emit("attached", method)
    return method


def attach_to(desk: Desk, id: str, customer: Json) -> Json:
    return attach(desk, find(desk, id), customer)


def find(desk: Desk, id: str, param: str = "payment_method") -> Json:
    """By its id; a test token (`pm_card_visa`) makes a new one."""
    if card := cards.of_token(id, desk.now):
        return make(desk, card)
    method = desk.get("payment_method", id)
    if method is None:
        raise missing("PaymentMethod", id, param)
    return method


def own(desk: Desk, id: str, customer: str, param: str) -> str:
    """The id of one of this customer's cards; a test token becomes one. Raises Refused."""
    if id in cards.TOKENS:
        return str(attach_to(desk, id, desk.need("customer", customer))["id"])
    if find(desk, id, param)["customer"] != customer:
        raise invalid(
            f"The customer does not have a payment method with the ID {id}. The payment method must be attached to "
            "the customer.",
            param,
            "resource_missing",
        )
    return id


def _details(params: Params) -> Json:
    given = params.hash("billing_details", "address email name phone tax_id")
    details: Json = {name: given.text(name) for name in given.names() if name != "address"}
    if "address" in given:
        details["address"] = address_of(given) or dict.fromkeys(ADDRESS)
    return details


@route("POST /v1/payment_methods", "type card billing_details metadata allow_redisplay")
def create(desk: Desk, params: Params) -> Json:
    cards.require_kind(params.need("type"))
    given = params.hash("card", "number exp_month exp_year cvc token")
    if token := given.text("token"):
        card = cards.of_token(token.replace("tok_", "pm_card_"), desk.now)
        if card is None:
            raise missing("token", token, given.named("token"))
    else:
        card = cards.read(
            given.need("number"),
            exp_month=given.need_integer("exp_month"),
            exp_year=given.need_integer("exp_year"),
            cvc=given.text("cvc") or "",
            now=desk.now,
        )
    method = make(desk, card, _details(params))
    method["metadata"] = params.metadata()
    method["allow_redisplay"] = params.choice("allow_redisplay", "always limited unspecified", "unspecified")
    return desk.save(method)


@route("GET /v1/payment_methods", f"customer type {PAGE}")
def list_methods(desk: Desk, params: Params) -> Json:
    customer = params.text("customer")
    if customer is None:
        return listing.envelope([], "/v1/payment_methods")
    desk.need("customer", customer, "customer")
    return listing.page(
        desk, params, "payment_method", "/v1/payment_methods", customer=customer, key=params.text("type")
    )


@route("GET /v1/customers/:id/payment_methods", f"type allow_redisplay {PAGE}")
def list_of_customer(desk: Desk, params: Params, id: str) -> Json:
    desk.need("customer", id)
    url = f"/v1/customers/{id}/payment_methods"
    return listing.page(desk, params, "payment_method", url, customer=id, key=params.text("type"))


@route("GET /v1/customers/:id/payment_methods/:method")
def retrieve_of_customer(desk: Desk, params: Params, id: str, method: str) -> Json:
    desk.need("customer", id)
    found = desk.need("payment_method", method)
    if found["customer"] != id:
        raise missing("PaymentMethod", method)
    return found


@route("GET /v1/payment_methods/:id")
def retrieve(desk: Desk, params: Params, id: str) -> Json:
    return find(desk, id, "id")


@route("POST /v1/payment_methods/:id", "billing_details card metadata allow_redisplay")
def update(desk: Desk, params: Params, id: str) -> Json:
    method = desk.need("payment_method", id)
    if method["customer"] is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    before = copy(method)
    card = params.hash("card", "exp_month exp_year")
    for name in ("exp_month", "exp_year"):
        method["card"][name] = card.integer(name, method["card"][name])
    method["billing_details"] |= _details(params)
    method["metadata"] = params.metadata(method["metadata"])
    return desk.changed(method, before)


@route("POST /v1/payment_methods/:id/attach", "customer")
def attach_one(desk: Desk, params: Params, id: str) -> Json:
    customer = desk.need("customer", params.need("customer"), "customer")
    return attach(desk, find(desk, id, "id"), customer)


@route("POST /v1/payment_methods/:id/detach")
def detach(desk: Desk, params: Params, id: str) -> Json:
    method = desk.need("payment_method", id)
    if method["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    before = copy(method)
    customer = desk.get("customer", method["customer"])
    method["customer"] = None
    desk.save(method)
    desk.emit("detached", method, {"customer": before["customer"]})
    if customer and customer["invoice_settings"]["default_payment_method"] == id:
        was = copy(customer)
        customer["invoice_settings"]["default_payment_method"] = None
        desk.changed(customer, was)
    for subscription in desk.newest("subscription", customer=before["customer"]):
        if subscription["default_payment_method"] == id:
            was = copy(subscription)
            subscription["default_payment_method"] = None
            desk.changed(subscription, was)
    return method
