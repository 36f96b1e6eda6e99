"""A checkout as its page shows it, and what a person does there."""

from dataclasses import dataclass
from typing import Any

from billing.simulator.core import cards as test_cards
from billing.simulator.core import checkout, checkout_sessions
from billing.simulator.core.errors import Json, Refused
from billing.simulator.hosted import challenges, money, words
from billing.simulator.hosted.challenges import Question
from billing.simulator.hosted.forms import Card
from billing.simulator.hosted.outcomes import Outcome, problem_of
from billing.simulator.hosted.words import Bill, Line
from billing.simulator.transport import get_core

DAY = 86_400


@dataclass(frozen=True)
class Checkout:
    """`due_minor`: what is paid now. `code`: the promotion code that is applied, `code_words` what it gives."""

    id: str
    status: str
    url: str
    success_url: str
    cancel_url: str
    email: str
    email_is_fixed: bool
    quantity: int
    has_quantity: bool
    has_code: bool
    code: str
    code_words: str
    has_tax_id: bool
    needs_card: bool
    due_minor: int
    currency: str
    bill: Bill
    title: str
    headline_amount: str
    headline_note: str
    terms: str
    submit_label: str


def find(session_id: str) -> Checkout | None:
    core = get_core()
    try:
        page = checkout.describe(core, session_id)
    except Refused:
        return None
    with core.desk() as desk:
        session = desk.need("checkout.session", session_id)
        offers = list(desk.meta(session)["offers"])
        coupons = [desk.need("coupon", each["coupon"]) for each in offers]
        codes = [desk.get("promotion_code", each["promotion_code"] or "") for each in offers]
        trial_end = desk.meta(session)["subscription_data"]["trial_end"] or (
            desk.now + page.trial_days * DAY if page.trial_days else 0
        )
        now = desk.now
    code = next((each["code"] for each in codes if each), "")
    return _described(page, coupons=coupons, code=code, trial_end=trial_end, now=now)


def _described(page: checkout.Page, *, coupons: list[Json], code: str, trial_end: int, now: int) -> Checkout:
    session, currency = page.session, page.session["currency"] or "usd"
    adjustable = [item for item in page.line_items if item.get("adjustable_quantity")]
    renewing = [item["amount_subtotal"] for item in page.line_items if item["price"]["recurring"]]
    customer = page.customer or {}
    email = customer.get("email") or session["customer_email"] or ""
    due = money.as_text(page.total_minor, currency)
    interval = _interval(page)
    later = f"{money.as_text(sum(renewing), currency)} {interval}" if renewing else ""
    days = -(-(trial_end - now) // DAY) if trial_end else 0
    return Checkout(
        id=session["id"],
        status=session["status"],
        url=session["url"] or "",
        success_url=(session["success_url"] or "").replace("{CHECKOUT_SESSION_ID}", session["id"]),
        cancel_url=session["cancel_url"] or "",
        email=email,
        email_is_fixed=bool(customer.get("email") or session["customer_email"]),
        quantity=adjustable[0]["quantity"] if adjustable else 1,
        has_quantity=bool(adjustable),
        has_code=bool(session["allow_promotion_codes"]),
        code=code,
        code_words=words.discount(coupons[0]) if coupons else "",
        has_tax_id=bool((session.get("tax_id_collection") or {}).get("enabled")),
        needs_card=page.needs_card,
        due_minor=page.total_minor,
        currency=currency,
        bill=_bill(page, after=_after(later, trial_end, coupons), coupons=coupons),
        title=_title(page, is_trial=bool(trial_end)),
        headline_amount=f"{days} day{'' if days == 1 else 's'} free" if trial_end else due,
        headline_note=_headline_note(later, interval, is_trial=bool(trial_end), is_reduced=bool(coupons)),
        terms=_terms(page, trial_end),
        submit_label=_submit_label(page, trial_end, due),
    )


def _interval(page: checkout.Page) -> str:
    recurring = [item["price"]["recurring"] for item in page.line_items if item["price"]["recurring"]]
    return words.every(recurring[0]) if recurring else ""


def _title(page: checkout.Page, *, is_trial: bool) -> str:
    if page.session["mode"] == "setup":
        return "Save a card"
    if is_trial:
        return f"Try {page.products[0]}"
    verb = "Subscribe to" if page.session["mode"] == "subscription" else "Pay for"
    return f"{verb} {page.products[0]}"


def _headline_note(later: str, interval: str, *, is_trial: bool, is_reduced: bool) -> str:
    if is_trial:
        return f"then {later}"
    return "due today" if is_reduced else interval


def _after(later: str, trial_end: int, coupons: list[Json]) -> str:
    """What is paid when this is over: the trial, or the discount."""
    if trial_end:
        return f"Then {later} from {words.day(trial_end)}{', less the discount' if coupons else ''}."
    durations = {each["duration"] for each in coupons}
    if not (coupons and later) or "forever" in durations:
        return ""
    return f"When the discount is used up: {later}."


def _terms(page: checkout.Page, trial_end: int) -> str:
    if trial_end:
        return f"The trial ends on {words.day(trial_end)}. You can cancel before that and pay nothing."
    if page.session["mode"] == "subscription":
        return "It renews by itself until you cancel."
    return ""


def _submit_label(page: checkout.Page, trial_end: int, due: str) -> str:
    if page.session["mode"] == "setup":
        return "Save card"
    if trial_end:
        return "Start trial"
    return "Subscribe" if page.session["mode"] == "subscription" else f"Pay {due}"


def _bill(page: checkout.Page, *, after: str, coupons: list[Json]) -> Bill:
    currency, details = page.session["currency"] or "usd", page.session["total_details"] or {}
    lines = [
        Line(
            item["description"],
            money.as_text(item["amount_subtotal"], currency),
            _line_note(item),
        )
        for item in page.line_items
    ]
    taken_off, tax = details.get("amount_discount", 0), details.get("amount_tax", 0)
    label = f"Discount ({words.discount(coupons[0])})" if coupons else "Discount"
    sums = words.sums(page.session["amount_subtotal"] or 0, ((label, -taken_off), ("Tax", tax)), currency)
    return Bill(lines, Line("Due today", money.as_text(page.total_minor, currency)), sums, after)


def _line_note(item: Json) -> str:
    if item["quantity"] is None:
        return "by usage, at the end of each period"
    each = words.price(item["price"])
    return each if item["quantity"] == 1 else f"{item['quantity']} × {each}"


# changes


def set_quantity(found: Checkout, quantity: int) -> Checkout:
    """Raises Refused when the session does not allow it."""
    with get_core().desk() as desk:
        session = desk.need("checkout.session", found.id)
        checkout.set_quantity(desk, session, quantity)
        desk.save(session)
    return _again(found)


def apply_code(found: Checkout, code: str) -> Checkout:
    """Raises Refused for a code that cannot be used."""
    outcome = checkout.check_code(get_core(), found.id, code)
    if outcome.kind != checkout.COMPLETED:
        raise Refused(outcome.message)
    return _again(found)


def remove_code(found: Checkout) -> Checkout:
    with get_core().desk() as desk:
        session = desk.need("checkout.session", found.id)
        if session["status"] == "open" and session["allow_promotion_codes"]:
            desk.meta(session)["offers"] = []
            checkout_sessions.price_up(desk, session)
            desk.save(session)
    return _again(found)


def _again(found: Checkout) -> Checkout:
    again = find(found.id)
    assert again is not None
    return again


def pay(found: Checkout, *, email: str, card: Card | None, tax_id: str) -> Outcome:
    """On to where the checkout leads, or to the bank's question; or a problem."""
    name = card.name if card else ""
    more: dict[str, Any] = {"email": email, "name": name, "tax_id": tax_id}
    entry: checkout.CardEntry | str = ""
    if card:
        entry = checkout.CardEntry(card.number, card.exp_month, card.exp_year, card.cvc, card.name)
    outcome = checkout.complete(get_core(), found.id, card=entry, **more)
    if outcome.kind == checkout.COMPLETED:
        return Outcome(url=outcome.url)
    if outcome.kind == checkout.AUTHENTICATION and card:
        return _ask_bank(found, card, more)
    return Outcome(problem=problem_of(outcome.message))


def _ask_bank(found: Checkout, card: Card, more: dict[str, Any]) -> Outcome:
    kept = {
        "token": challenges.TOKEN_OF[card.number],
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "name": card.name,
    }
    brand, _ = test_cards.NUMBERS[card.number]
    question = Question(
        subject="checkout",
        about=found.id,
        details={"card": kept, "more": more},
        amount=challenges.describe_amount(found.due_minor, found.currency),
        card=words.card({"brand": brand, "last4": card.number[-4:]}),
        back=found.url,
        leads_to=found.success_url,
    )
    return challenges.ask(question)
