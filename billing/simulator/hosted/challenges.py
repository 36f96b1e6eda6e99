"""The bank's question of 3-D Secure: what waits for its answer, and what the answer sets off.

A question stands in the books under a name that cannot be guessed, and is gone once it is answered. Of the card it
keeps which test card it is, never a number that was typed.
"""

from dataclasses import asdict, dataclass

from django.urls import reverse

from billing.simulator.core import cards as test_cards
from billing.simulator.core import checkout, ids, payment_methods, payments
from billing.simulator.core.desk import Desk
from billing.simulator.core.errors import Json
from billing.simulator.hosted import money, portal, words
from billing.simulator.hosted.outcomes import Outcome, problem_of
from billing.simulator.store import Row
from billing.simulator.transport import get_core

KIND = "challenge"
GOOD_FOR_S = 3600
FAILED = "We are unable to authenticate your payment method. Choose another one, or try again."
TOKEN_OF = {number: token for token, number in test_cards.TOKENS.items()}


@dataclass(frozen=True)
class Question:
    """`subject`: `checkout`, `invoice` or `card`. `about`: the id of it (of the customer, for a card). `details`: what
    goes on with the answer. `back`: where it was asked."""

    subject: str
    about: str
    details: Json
    amount: str
    card: str
    back: str
    leads_to: str = ""


def ask(question: Question) -> Outcome:
    """On to the bank's page."""
    with get_core().desk() as desk:
        return ask_at(desk, question)


def ask_at(desk: Desk, question: Question) -> Outcome:
    id = ids.word(32)
    desk.books.write(Row(KIND, id, asdict(question), created=desk.now))
    return Outcome(url=reverse("simulated-challenge", kwargs={"challenge_id": id}))


def find(id: str) -> Question | None:
    with get_core().desk() as desk:
        return _question(desk, id)


def _question(desk: Desk, id: str) -> Question | None:
    row = desk.books.get(KIND, id)
    if row is None or row.created + GOOD_FOR_S < desk.now:
        return None
    return Question(**row.data)


def answer(id: str, *, is_passed: bool) -> Outcome | None:
    """None when somebody answered before."""
    with get_core().desk() as desk:
        question = _question(desk, id)
        if question is None:
            return None
        desk.books.remove(KIND, id)
    if not is_passed:
        return Outcome(url=question.back, problem=problem_of(FAILED))
    return PASSED[question.subject](question)


def _passed_checkout(question: Question) -> Outcome:
    card = question.details["card"]
    number = test_cards.TOKENS[card.pop("token")]
    entry = checkout.CardEntry(number=number, cvc="", **card)
    more = question.details["more"]
    found = checkout.complete(get_core(), question.about, card=entry, authenticated=True, **more)
    if found.kind == checkout.COMPLETED:
        return Outcome(url=found.url)
    return Outcome(url=question.back, problem=problem_of(found.message))


def _passed_invoice(question: Question) -> Outcome:
    with get_core().desk() as desk:
        invoice = desk.need("invoice", question.about)
        if invoice["status"] != "open":
            return Outcome(url=question.back)
        method = desk.need("payment_method", question.details["method"])
        attempt = payments.pay_hosted(desk, invoice, method, authenticated=True)
    if attempt.succeeded:
        return Outcome(url=question.back)
    return Outcome(url=question.back, problem=problem_of(test_cards.TEXTS[attempt.reason][1]))


def _passed_card(question: Question) -> Outcome:
    with get_core().desk() as desk:
        customer = desk.need("customer", question.about)
        method = desk.need("payment_method", question.details["method"])
        payment_methods.attach(desk, method, customer)
        desk.meta(method)["is_set_up"] = True
        desk.save(method)
    if question.details["is_default"]:
        portal.make_default(question.about, question.details["method"])
    return Outcome(url=question.back)


PASSED = {"checkout": _passed_checkout, "invoice": _passed_invoice, "card": _passed_card}


def describe_card(method: Json) -> str:
    return words.card(method["card"])


def describe_amount(amount: int, currency: str | None) -> str:
    """Empty when nothing is due now."""
    return money.as_text(amount, currency or "usd") if amount else ""
