"""What a person does on the page of a Checkout session: look, type a card, pay, and go back to where they came from."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from billing.simulator.core import (
    cards,
    checkout_sessions,
    customers,
    discounts,
    intents,
    invoice_items,
    invoice_states,
    invoices,
    lines,
    payment_methods,
    starting,
    subscriptions,
)
from billing.simulator.core.cards import Card
from billing.simulator.core.desk import Desk, copy
from billing.simulator.core.errors import Json, Refused, invalid, missing
from billing.simulator.core.intents import Attempt
from billing.simulator.core.params import Params
from billing.simulator.core.starting import Start

if TYPE_CHECKING:
    from billing.simulator.core.api import Core

COMPLETED, DECLINED, AUTHENTICATION, REFUSED = "completed", "declined", "authentication", "refused"


@dataclass(frozen=True)
class CardEntry:
    """What somebody typed. SECURITY: it is forgotten with the request."""

    number: str = ""
    exp_month: int = 0
    exp_year: int = 0
    cvc: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return f"CardEntry(…{self.number[-4:]})"


@dataclass(frozen=True)
class Outcome:
    """`completed` leads to `url`; otherwise `message` says why, and `param` where, when that is one field."""

    kind: str
    url: str = ""
    message: str = ""
    code: str = ""
    param: str = ""


@dataclass
class Entry:
    """What the page sends. `card` may be a bare number or a test token, `saved_card` the id of one the customer has;
    `authenticated`: the bank's question was answered with yes."""

    card: CardEntry | str = ""
    email: str = ""
    name: str = ""
    country: str = ""
    promotion_code: str = ""
    tax_id: str = ""
    quantity: int | None = None
    authenticated: bool = False
    saved_card: str = ""


@dataclass(frozen=True)
class Page:
    """Everything the page shows. `needs_card` is false for what costs nothing and asks for no card."""

    session: Json
    line_items: list[Json]
    products: list[str]
    trial_days: int
    needs_card: bool
    total_minor: int
    customer: Json | None
    saved_cards: list[Json] = field(default_factory=list)


def describe(core: "Core", session_id: str) -> Page:
    """Raises Refused (404)."""
    with core.desk() as desk:
        session = desk.need("checkout.session", session_id)
        customer = desk.get("customer", session["customer"] or "")
        data = desk.meta(session)["subscription_data"]
        items = checkout_sessions.line_items(desk, session)
        saved = desk.newest("payment_method", customer=customer["id"]) if customer else []
        return Page(
            session,
            items,
            [row["description"] for row in items],
            data["trial_days"] or 0,
            needs_card(session),
            session["amount_total"] or 0,
            customer,
            saved,
        )


def needs_card(session: Json) -> bool:
    return bool(session["payment_method_collection"] == "always" or session["amount_total"])


def check_code(core: "Core", session_id: str, code: str) -> Outcome:
    """Applies a promotion code to the open session; `refused` with a message that may be shown."""
    try:
        with core.desk() as desk:
            session = _open(desk, session_id)
            _apply_code(desk, session, code)
            desk.save(session)
            return Outcome(COMPLETED)
    except Refused as refusal:
        return Outcome(REFUSED, message=refusal.message, code=refusal.code, param="promotion_code")


def complete(core: "Core", session_id: str, **typed: Any) -> Outcome:
    """Pays with what was typed (the fields of `Entry`). Only a completed session leaves anything behind."""
    entry = Entry(**typed)
    try:
        with core.desk() as desk:
            return Outcome(COMPLETED, url=_complete(desk, _open(desk, session_id), entry))
    except Refused as refusal:
        if refusal.code == intents.AUTHENTICATION:
            return Outcome(AUTHENTICATION, message=refusal.message, code=refusal.code)
        kind = DECLINED if refusal.status == 402 else REFUSED
        return Outcome(kind, message=refusal.message, code=refusal.code, param=refusal.param)


def _open(desk: Desk, session_id: str) -> Json:
    session = desk.need("checkout.session", session_id)
    if session["status"] == "complete":
        raise invalid("You have already paid.", code="checkout_complete")
    if session["status"] != "open":
        raise invalid("This Checkout session has expired.", code="checkout_expired")
    return session


def _complete(desk: Desk, session: Json, entry: Entry) -> str:
    if entry.quantity is not None:
        set_quantity(desk, session, entry.quantity)
    if entry.promotion_code:
        _apply_code(desk, session, entry.promotion_code)
    customer = _customer(desk, session, entry)
    method = _method(desk, session, entry, customer)
    finish = {"subscription": _subscribe, "payment": _pay, "setup": _set_up}[session["mode"]]
    finish(desk, session, customer, method, entry)
    session |= {
        "collected_information": {"business_name": None, "individual_name": None, "shipping_details": None},
        "customer": customer["id"],
        "customer_details": checkout_sessions.details_of(desk, customer, entry.email),
        "status": "complete",
        "url": None,
    }
    if session["automatic_tax"]["enabled"]:
        session["automatic_tax"]["status"] = "complete"
    desk.schedule(session, None)
    desk.emit("completed", session)
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def set_quantity(desk: Desk, session: Json, quantity: int) -> None:
    for row in desk.meta(session)["lines"]:
        limits = row["adjustable"]
        if limits["enabled"]:
            if not limits["minimum"] <= quantity <= limits["maximum"]:
                raise invalid(
                    f"The quantity must be from {limits['minimum']} to {limits['maximum']}.", "quantity"
                )
            row["quantity"] = quantity
        elif row["quantity"] not in (None, quantity):
            raise invalid("The quantity of this purchase cannot be changed.", "quantity")
    checkout_sessions.price_up(desk, session)


def _apply_code(desk: Desk, session: Json, code: str) -> None:
    if not session["allow_promotion_codes"]:
        raise invalid("This purchase takes no promotion codes.", "promotion_code")
    offer = discounts.by_code(desk, code, session["customer"], amount=session["amount_subtotal"] or 0)
    desk.meta(session)["offers"] = [checkout_sessions.offer_row(offer)]
    checkout_sessions.price_up(desk, session)


def _customer(desk: Desk, session: Json, entry: Entry) -> Json:
    customer = desk.get("customer", session["customer"] or "")
    if customer is None:
        if session["customer"]:
            raise missing("customer", session["customer"], "customer")
        customer = customers.blank(desk)
        email = session["customer_email"] or entry.email
        if not email or "@" not in email:
            raise invalid("Your email is incomplete.", "email", "email_invalid")
        customer |= {"email": email, "name": entry.name or None, "address": _address(entry)}
        desk.create(customer)
    else:
        before = copy(customer)
        update = desk.meta(session)["customer_update"]
        if update.get("address") == "auto" and entry.country:
            customer["address"] = _address(entry)
        if update.get("name") == "auto" and entry.name:
            customer["name"] = entry.name
        desk.changed(customer, before)
    if entry.tax_id and (session.get("tax_id_collection") or {}).get("enabled"):
        customers.add_tax_id(desk, customer, Params({"type": "eu_vat", "value": entry.tax_id}))
    return customer


def _address(entry: Entry) -> Json | None:
    return dict.fromkeys(customers.ADDRESS) | {"country": entry.country} if entry.country else None


def _method(desk: Desk, session: Json, entry: Entry, customer: Json) -> Json | None:
    """The card, saved with the customer; None when none is needed or given. Raises Refused."""
    if entry.saved_card:
        return desk.need(
            "payment_method", payment_methods.own(desk, entry.saved_card, customer["id"], "saved_card")
        )
    if not entry.card:
        if needs_card(session):
            raise invalid("Your card number is incomplete.", "number", "incomplete_number")
        return None
    details = {"email": customer["email"], "name": entry.name or customer["name"]}
    method = payment_methods.make(desk, read_card(entry.card, desk.now), details)
    behaviour = desk.meta(method)["behaviour"]
    asks = behaviour in (cards.ASKS_ONCE, cards.ASKS_ALWAYS)
    if asks and not entry.authenticated:
        raise Refused("Your bank asks you to confirm this payment.", code=intents.AUTHENTICATION, status=402)
    if behaviour == cards.FAILS and session["amount_total"]:
        raise cards.decline("generic_decline")
    payment_methods.attach(desk, method, customer)
    if asks:
        desk.meta(method)["is_set_up"] = True
        desk.save(method)
    return method


def read_card(card: CardEntry | str, now: int) -> Card:
    """Raises Refused (402) as `cards.read` does."""
    if isinstance(card, str):
        return cards.of_token(card, now) or cards.read(card, now=now)
    return cards.read(card.number, exp_month=card.exp_month, exp_year=card.exp_year, cvc=card.cvc, now=now)


def _subscribe(desk: Desk, session: Json, customer: Json, method: Json | None, entry: Entry) -> None:
    meta = desk.meta(session)
    data = meta["subscription_data"]
    subscription = _subscription(desk, session, customer, method)
    items, extra = [], []
    for row in meta["lines"]:
        price = desk.need("price", row["price"])
        if price["type"] == "recurring":
            items.append(
                subscriptions.item(desk, subscription["id"], price, row["quantity"], copy(row["metadata"]))
            )
        else:
            extra.append(_one_time(desk, customer, price, row["quantity"]))
    attempt = starting.begin(
        desk,
        Start(
            customer,
            subscription,
            items,
            trial_end=data["trial_end"] or starting.trial_end_after(desk, data["trial_days"]),
            offers=_offers(desk, session),
            extra_lines=extra,
            session=session["id"],
            authenticated=entry.authenticated,
        ),
    )
    _require(attempt)
    invoice = desk.need("invoice", subscription["latest_invoice"])
    session |= {
        "invoice": invoice["id"],
        "payment_status": "paid"
        if invoice["amount_due"] or not data["trial_days"]
        else "no_payment_required",
        "subscription": subscription["id"],
    }


def _subscription(desk: Desk, session: Json, customer: Json, method: Json | None) -> Json:
    data = desk.meta(session)["subscription_data"]
    subscription = subscriptions.blank(desk, customer["id"], copy(data["metadata"]))
    subscription["description"] = data["description"]
    subscription["default_payment_method"] = method["id"] if method else None
    if session["automatic_tax"]["enabled"]:
        subscription["automatic_tax"] |= {"enabled": True, "liability": {"type": "self"}}
    if data["missing_payment_method"]:
        subscription["trial_settings"]["end_behavior"]["missing_payment_method"] = data[
            "missing_payment_method"
        ]
    return subscription


def _one_time(desk: Desk, customer: Json, price: Json, quantity: int) -> Json:
    item = invoice_items.make(
        desk,
        customer=customer["id"],
        amount=lines.amount_of(price, quantity),
        currency=price["currency"],
        description=lines.name_of(desk, price),
        price=price,
        quantity=quantity,
    )
    # Of the invoice that comes next here, so it does not wait for it.
    desk.create(item, parent="")
    row = invoices.line_of(desk, item)
    item["invoice"] = "in_waiting"
    desk.save(item)
    return row


def _offers(desk: Desk, session: Json) -> list[discounts.Offer]:
    offers = []
    for row in desk.meta(session)["offers"]:
        code = desk.get("promotion_code", row["promotion_code"] or "")
        offers.append(discounts.Offer(desk.need("coupon", row["coupon"]), code))
    return offers


def _require(attempt: Attempt | None) -> None:
    if attempt is None or attempt.succeeded:
        return
    if attempt.needs_authentication:
        raise Refused("Your bank asks you to confirm this payment.", code=intents.AUTHENTICATION, status=402)
    raise cards.decline(attempt.reason)


def _pay(desk: Desk, session: Json, customer: Json, method: Json | None, entry: Entry) -> None:
    made = [
        discounts.redeem(desk, offer, customer=customer["id"], subscription=None, session=session["id"])
        for offer in _offers(desk, session)
    ]
    if desk.meta(session)["invoice_creation"]:
        _invoice(desk, session, customer, made)
    if not session["amount_total"]:
        session["payment_status"] = "no_payment_required"
        return
    assert method is not None
    data = Params(desk.meta(session)["payment_intent_data"], path="payment_intent_data")
    intent = intents.make(
        desk,
        customer=customer["id"],
        amount=session["amount_total"],
        currency=session["currency"],
        description=data.text("description"),
        meta={},
        metadata=data.metadata(),
        setup_future_usage=data.choice("setup_future_usage", "off_session on_session"),
    )
    _require(intents.attempt(desk, intent, method, authenticated=entry.authenticated))
    session |= {"payment_intent": intent["id"], "payment_status": "paid"}
    if invoice := desk.get("invoice", session["invoice"] or ""):
        invoice_states.mark_paid(desk, invoice)


def _invoice(desk: Desk, session: Json, customer: Json, discount_ids: list[str]) -> None:
    rows = [
        _one_time(desk, customer, desk.need("price", row["price"]), row["quantity"])
        for row in desk.meta(session)["lines"]
    ]
    currency = session["currency"]
    invoice = invoices.blank(desk, customer, reason="manual", currency=currency, period=(desk.now, desk.now))
    invoices.keep(desk, invoice, rows, discount_ids)
    invoice_states.finalize(desk, invoice)
    session["invoice"] = invoice["id"]


def _set_up(desk: Desk, session: Json, customer: Json, method: Json | None, entry: Entry) -> None:
    assert method is not None
    data = Params(desk.meta(session)["setup_intent_data"])
    intent = intents.make_setup(desk, customer=customer["id"], metadata=data.metadata())
    intents.set_up(desk, intent, method, authenticated=entry.authenticated)
    session |= {"payment_status": "no_payment_required", "setup_intent": intent["id"]}
