"""Cards that the portal saves for later."""

from billing.simulator.core import cards as test_cards
from billing.simulator.core import intents, payment_methods
from billing.simulator.core.desk import Desk
from billing.simulator.core.errors import Json, Refused
from billing.simulator.hosted import challenges, portal
from billing.simulator.hosted.challenges import Question
from billing.simulator.hosted.forms import Card
from billing.simulator.hosted.outcomes import Outcome, of_refusal
from billing.simulator.transport import get_core


def save(customer_id: str, card: Card, *, is_default: bool, back: str) -> Outcome:
    """Saved, with no `url`; or on to the bank's question, which leads `back`; or a problem."""
    try:
        with get_core().desk() as desk:
            method = new_method(desk, card)
            setup = intents.make_setup(desk, customer=customer_id)
            if intents.set_up(desk, setup, method).needs_authentication:
                return challenges.ask_at(
                    desk, _question(customer_id, method, is_default=is_default, back=back)
                )
            payment_methods.attach(desk, method, desk.need("customer", customer_id))
    except Refused as refusal:
        return of_refusal(refusal, "The card was not added")
    if is_default:
        portal.make_default(customer_id, method["id"])
    return Outcome()


def new_method(desk: Desk, card: Card) -> Json:
    """A card that belongs to nobody yet. Raises Refused (402)."""
    read = test_cards.read(
        card.number, exp_month=card.exp_month, exp_year=card.exp_year, cvc=card.cvc, now=desk.now
    )
    return payment_methods.make(desk, read, {"name": card.name})


def _question(customer_id: str, method: Json, *, is_default: bool, back: str) -> Question:
    return Question(
        subject="card",
        about=customer_id,
        details={"method": method["id"], "is_default": is_default},
        amount="",
        card=challenges.describe_card(method),
        back=back,
    )
