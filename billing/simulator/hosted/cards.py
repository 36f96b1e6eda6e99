"""Cards of the pages: those to try, and the form that one of them fills in."""

from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from django.http import HttpRequest, QueryDict

from billing.simulator.hosted import words
from billing.simulator.hosted.forms import CardForm
from billing.simulator.transport import get_core

Form = TypeVar("Form", bound=CardForm)
EXPIRY, CVC, NAME = "12 / 34", "123", "Test Person"


@dataclass(frozen=True)
class TestCard:
    number: str
    outcome: str

    @property
    def spaced(self) -> str:
        return spaced(self.number)


TEST_CARDS = (
    TestCard("4242424242424242", "Succeeds"),
    TestCard("5555555555554444", "Succeeds, Mastercard"),
    TestCard("4000000000000002", "Is declined"),
    TestCard("4000000000009995", "Has insufficient funds"),
    TestCard("4000000000000069", "Has expired"),
    TestCard("4000000000000127", "Has a wrong security code"),
    TestCard("4000002500003155", "Asks for 3-D Secure once"),
    TestCard("4000002760003184", "Asks for 3-D Secure each time"),
    TestCard("4000000000000341", "Succeeds now, fails at renewals"),
)


def spaced(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def today() -> date:
    """By the service's clock."""
    with get_core().desk() as desk:
        return words.moment(desk.now).date()


def bind(form_class: type[Form], request: HttpRequest, **more: Any) -> Form:
    """The form of a request. A click on a test card fills it in and keeps the rest, and is not yet a payment."""
    if request.method != "POST":
        return form_class(today=today(), **more)
    chosen = request.POST.get("use_card", "")
    if chosen not in {card.number for card in TEST_CARDS}:
        return form_class(request.POST, today=today(), **more)
    return form_class(today=today(), initial=filled(request.POST, chosen), **more)


def filled(typed: QueryDict, number: str) -> dict[str, Any]:
    name = typed.get("name") or NAME
    return {**typed.dict(), "number": spaced(number), "expiry": EXPIRY, "cvc": CVC, "name": name}
