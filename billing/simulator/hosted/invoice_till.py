"""Invoices by their secret, and paying them."""

import hmac

from billing.simulator.core import cards as test_cards
from billing.simulator.core import invoices, payments
from billing.simulator.core.desk import Desk
from billing.simulator.core.errors import Json, Refused
from billing.simulator.hosted import challenges, saved_cards
from billing.simulator.hosted.challenges import Question
from billing.simulator.hosted.forms import Card
from billing.simulator.hosted.outcomes import Outcome, of_refusal, problem_of
from billing.simulator.transport import get_core


def find(secret: str) -> Json | None:
    """With all of its lines. SECURITY: the id alone opens nothing: it stands in logs and in other answers."""
    with get_core().desk() as desk:
        invoice = desk.get("invoice", secret.rpartition("_")[0])
        if invoice is None or not hmac.compare_digest(str(desk.meta(invoice).get("secret", "")), secret):
            return None
        lines = invoice["lines"] | {"data": invoices.lines_of(desk, invoice)}
        return invoice | {"lines": lines}


def find_charge(id: str) -> Json | None:
    with get_core().desk() as desk:
        charge = desk.get("charge", id)
        return charge if charge and charge["paid"] else None


def saved_card(invoice: Json) -> str:
    """The card that it would be charged to, in words; empty without one."""
    with get_core().desk() as desk:
        method = payments.method_of(desk, invoice)
        return challenges.describe_card(method) if method else ""


def pay(invoice: Json, *, card: Card | None) -> Outcome:
    """With a new card, or (None) with the saved one. What the attempt left is kept, also when it failed."""
    try:
        with get_core().desk() as desk:
            return _pay(desk, desk.need("invoice", invoice["id"]), card)
    except Refused as refusal:
        return of_refusal(refusal)


def _pay(desk: Desk, invoice: Json, card: Card | None) -> Outcome:
    if invoice["status"] != "open":
        return Outcome(url=invoice["hosted_invoice_url"])
    method = saved_cards.new_method(desk, card) if card else payments.method_of(desk, invoice)
    if method is None:
        return Outcome(problem=problem_of("There is no saved card. Enter one."))
    attempt = payments.pay_hosted(desk, invoice, method, authenticated=False)
    if attempt.succeeded:
        return Outcome(url=invoice["hosted_invoice_url"])
    if attempt.needs_authentication:
        return challenges.ask_at(desk, _question(invoice, method))
    return Outcome(problem=problem_of(test_cards.TEXTS[attempt.reason][1]))


def _question(invoice: Json, method: Json) -> Question:
    return Question(
        subject="invoice",
        about=invoice["id"],
        details={"method": method["id"]},
        amount=challenges.describe_amount(invoice["amount_remaining"], invoice["currency"]),
        card=challenges.describe_card(method),
        back=invoice["hosted_invoice_url"],
    )
