"""Attempts to take money: payment intents and the charges they make, and setup intents for cards of later use."""

from dataclasses import dataclass
from typing import Any

from billing.simulator.core import cards, ids, listing, pages
from billing.simulator.core.desk import LIVEMODE, Desk, copy
from billing.simulator.core.errors import Json, invalid
from billing.simulator.core.params import Params
from billing.simulator.core.routing import PAGE, route

AUTHENTICATION = "authentication_required"


@dataclass(frozen=True)
class Attempt:
    """How it went: `reason` says why it failed, or that the customer has to authenticate it."""

    succeeded: bool
    reason: str = ""

    @property
    def needs_authentication(self) -> bool:
        return self.reason == AUTHENTICATION


INTENT: Json = {
    "object": "payment_intent",
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic",
    "confirmation_method": "automatic",
    "customer_account": None,
    "last_payment_error": None,
    "latest_charge": None,
    "livemode": LIVEMODE,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_options": {
        "card": {
            "installments": None,
            "mandate_options": None,
            "network": None,
            "request_three_d_secure": "automatic",
        }
    },
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": "off_session",
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "requires_payment_method",
    "transfer_data": None,
    "transfer_group": None,
}


def make(
    desk: Desk, *, customer: str, amount: int, currency: str, description: str | None, meta: Json, **more: Any
) -> Json:
    id = ids.new("payment_intent")
    intent = copy(INTENT) | {
        "id": id,
        "amount": amount,
        "client_secret": f"{id}_secret_{ids.word(25)}",
        "created": desk.now,
        "currency": currency,
        "customer": customer,
        "description": description,
    }
    return desk.create(intent | more, **meta)


def attempt(desk: Desk, intent: Json, method: Json, *, authenticated: bool = False) -> Attempt:
    """Charges the card. `authenticated`: the customer has just confirmed it with their bank (3-D Secure)."""
    meta = desk.meta(method)
    intent["payment_method"] = method["id"]
    reason = _refusal(desk, method, meta, authenticated=authenticated)
    if reason == AUTHENTICATION:
        intent |= {"status": "requires_action", "next_action": _ask(intent)}
        desk.save(intent)
        desk.emit("requires_action", intent)
        return Attempt(succeeded=False, reason=reason)
    charge = _charge(desk, intent, method, reason)
    intent |= {"latest_charge": charge["id"], "next_action": None}
    if reason:
        intent |= {"status": "requires_payment_method", "payment_method": None}
        intent["last_payment_error"] = error_of(reason, method, charge)
        desk.save(intent)
        desk.emit("payment_failed", intent)
        return Attempt(succeeded=False, reason=reason)
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
    if authenticated:
        meta["is_set_up"] = True
        desk.save(method)
    desk.save(intent)
    desk.emit("succeeded", intent)
    return Attempt(succeeded=True)


def _refusal(desk: Desk, method: Json, meta: Json, *, authenticated: bool) -> str:
    behaviour = meta["behaviour"]
    if cards.is_past(method["card"]["exp_month"], method["card"]["exp_year"], desk.now):
        return "expired_card"
    if behaviour == cards.FAILS:
        return "generic_decline"
    asks = behaviour == cards.ASKS_ALWAYS or (behaviour == cards.ASKS_ONCE and not meta["is_set_up"])
    if asks and not authenticated:
        return AUTHENTICATION
    return behaviour if behaviour in cards.TEXTS else ""


def _ask(intent: Json) -> Json:
    return {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": intent["id"]},
    }


def error_of(reason: str, method: Json, charge: Json | None = None) -> Json:
    if reason == AUTHENTICATION:
        code, message = AUTHENTICATION, "Your card was declined. This transaction requires authentication."
    else:
        code, message = cards.TEXTS[reason]
    error = {
        "code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": message,
        "payment_method": copy(method),
        "type": "card_error",
    }
    if code == "card_declined" or reason == AUTHENTICATION:
        error["decline_code"] = reason
    if charge:
        error["charge"] = charge["id"]
    return error


def _charge(desk: Desk, intent: Json, method: Json, reason: str) -> Json:
    code, message = cards.TEXTS.get(reason, (None, None))
    id = ids.new("charge")
    charge = CHARGE | {
        "id": id,
        "amount": intent["amount"],
        "amount_captured": 0 if reason else intent["amount"],
        "billing_details": copy(method["billing_details"]),
        "captured": not reason,
        "created": desk.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "failure_code": code,
        "failure_message": message,
        "metadata": {},
        "outcome": _outcome(reason),
        "paid": not reason,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _card_details(method),
        "receipt_url": None if reason else pages.receipt(id),
        "status": "failed" if reason else "succeeded",
    }
    desk.add(charge)
    desk.emit("failed" if reason else "succeeded", charge)
    return charge


CHARGE: Json = {
    "object": "charge",
    "amount_refunded": 0,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "balance_transaction": None,
    "calculated_statement_descriptor": "SIMULATED",
    "disputed": False,
    "failure_balance_transaction": None,
    "fraud_details": {},
    "livemode": LIVEMODE,
    "on_behalf_of": None,
    "radar_options": {},
    "receipt_email": None,
    "receipt_number": None,
    "refunded": False,
    "review": None,
    "shipping": None,
    "source": None,
    "source_transfer": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}


def _outcome(reason: str) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if reason else "approved_by_network",
        "reason": reason or None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "The bank declined the payment." if reason else "Payment complete.",
        "type": "issuer_declined" if reason else "authorized",
    }


def _card_details(method: Json) -> Json:
    names = (
        "brand",
        "checks",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "wallet",
    )
    card = {name: copy(method["card"][name]) for name in names}
    return {"card": card | {"network": card["brand"], "three_d_secure": None}, "type": "card"}


def cancel(desk: Desk, intent: Json, reason: str) -> None:
    if intent["status"] in ("succeeded", "canceled"):
        return
    intent |= {
        "status": "canceled",
        "canceled_at": desk.now,
        "cancellation_reason": reason,
        "next_action": None,
    }
    desk.save(intent)
    desk.emit("canceled", intent)


# setup intents


def make_setup(desk: Desk, *, customer: str | None, metadata: Json | None = None) -> Json:
    id = ids.new("setup_intent")
    intent = {
        "id": id,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{id}_secret_{ids.word(25)}",
        "created": desk.now,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": LIVEMODE,
        "mandate": None,
        "metadata": metadata or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }
    return desk.create(intent)


def set_up(desk: Desk, intent: Json, method: Json, *, authenticated: bool = False) -> Attempt:
    """Readies a card for charges without its owner; 3-D Secure cards want them once for that."""
    meta = desk.meta(method)
    intent["payment_method"] = method["id"]
    asks = meta["behaviour"] in (cards.ASKS_ONCE, cards.ASKS_ALWAYS) and not meta["is_set_up"]
    if asks and not authenticated:
        intent |= {"status": "requires_action", "next_action": _ask(intent)}
        desk.save(intent)
        desk.emit("requires_action", intent)
        return Attempt(succeeded=False, reason=AUTHENTICATION)
    meta["is_set_up"] = True
    desk.save(method)
    intent |= {"status": "succeeded", "next_action": None}
    desk.save(intent)
    desk.emit("succeeded", intent)
    return Attempt(succeeded=True)


# their addresses


@route("GET /v1/payment_intents/:id", "client_secret")
def retrieve_intent(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("payment_intent", id)


@route("GET /v1/payment_intents", f"customer created {PAGE}")
def list_intents(desk: Desk, params: Params) -> Json:
    return listing.page(
        desk, params, "payment_intent", "/v1/payment_intents", customer=params.text("customer")
    )


@route("GET /v1/setup_intents/:id", "client_secret")
def retrieve_setup(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("setup_intent", id)


@route("GET /v1/setup_intents", f"customer payment_method created {PAGE}")
def list_setups(desk: Desk, params: Params) -> Json:
    return listing.page(desk, params, "setup_intent", "/v1/setup_intents", customer=params.text("customer"))


@route("POST /v1/setup_intents", "customer payment_method payment_method_types usage confirm metadata")
def create_setup(desk: Desk, params: Params) -> Json:
    from billing.simulator.core import payment_methods  # noqa: PLC0415  it makes them

    customer = params.text("customer")
    if customer:
        desk.need("customer", customer, "customer")
    intent = make_setup(desk, customer=customer, metadata=params.metadata())
    if method := params.text("payment_method"):
        found = payment_methods.find(desk, method)
        intent |= {"payment_method": found["id"], "status": "requires_confirmation"}
        if params.boolean("confirm"):
            set_up(desk, intent, found)
            if customer and intent["status"] == "succeeded":
                payment_methods.attach(desk, found, desk.need("customer", customer))
    elif params.boolean("confirm"):
        raise invalid("You cannot confirm a SetupIntent without a payment method.", "payment_method")
    return desk.save(intent)


@route("GET /v1/charges/:id")
def retrieve_charge(desk: Desk, params: Params, id: str) -> Json:
    return desk.need("charge", id)


@route("GET /v1/charges", f"customer payment_intent created {PAGE}")
def list_charges(desk: Desk, params: Params) -> Json:
    intent = params.text("payment_intent")
    return listing.page(
        desk, params, "charge", "/v1/charges", customer=params.text("customer"), parent=intent
    )
