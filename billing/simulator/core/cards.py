"""Test cards. Of a number only brand, last four digits, expiry and how it behaves go any further than this module."""

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime

from billing.simulator.core.errors import Refused, declined, invalid

OK = "ok"
FAILS = "fails"
ASKS_ONCE = "asks_once"
ASKS_ALWAYS = "asks_always"

TEXTS = {
    "generic_decline": ("card_declined", "Your card was declined."),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds."),
    "lost_card": ("card_declined", "Your card was declined."),
    "stolen_card": ("card_declined", "Your card was declined."),
    "test_mode_live_card": (
        "card_declined",
        "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test "
        "cards, visit: https://stripe.com/docs/testing.",
    ),
    "expired_card": ("expired_card", "Your card has expired."),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": (
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
}
# Number: brand, behaviour. A behaviour that is none of the four above is a reason to refuse the card at once.
NUMBERS = {
    "4242424242424242": ("visa", OK),
    "4000056655665556": ("visa", OK),
    "5555555555554444": ("mastercard", OK),
    "2223003122003222": ("mastercard", OK),
    "378282246310005": ("amex", OK),
    "6011111111111117": ("discover", OK),
    "4000000000000002": ("visa", "generic_decline"),
    "4000000000009995": ("visa", "insufficient_funds"),
    "4000000000009987": ("visa", "lost_card"),
    "4000000000009979": ("visa", "stolen_card"),
    "4000000000000069": ("visa", "expired_card"),
    "4000000000000127": ("visa", "incorrect_cvc"),
    "4000000000000119": ("visa", "processing_error"),
    "4000000000000341": ("visa", FAILS),
    "4000002500003155": ("visa", ASKS_ONCE),
    "4000002760003184": ("visa", ASKS_ALWAYS),
    "4000000000003220": ("visa", ASKS_ALWAYS),
}
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_discover": "6011111111111117",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_threeDSecure2Required": "4000000000003220",
}


@dataclass(frozen=True)
class Card:
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    behaviour: str

    @property
    def refusal(self) -> str:
        """Why it cannot even be saved, or nothing."""
        return "" if self.behaviour in (OK, FAILS, ASKS_ONCE, ASKS_ALWAYS) else self.behaviour


def of_token(token: str, now: int) -> Card | None:
    number = TOKENS.get(token)
    if number is None:
        return None
    return read(number, exp_month=12, exp_year=datetime.fromtimestamp(now, UTC).year + 4, now=now)


def read(number: str, *, exp_month: int = 0, exp_year: int = 0, cvc: str = "", now: int) -> Card:
    """Raises Refused (402) for what the form of the real service would not take. Without a date: one that is far."""
    digits = "".join(character for character in number if character.isdigit())
    if not _is_number(digits):
        raise _wrong("Your card number is incorrect.", "incorrect_number", "number")
    today = datetime.fromtimestamp(now, UTC)
    exp_month, exp_year = exp_month or 12, exp_year or today.year + 4
    exp_year += 2000 if exp_year < 100 else 0
    if not 1 <= exp_month <= 12:
        raise _wrong("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    if exp_year < today.year or exp_year > today.year + 50:
        raise _wrong("Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year")
    if is_past(exp_month, exp_year, now):
        raise _wrong("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    if cvc and not (cvc.isdigit() and 3 <= len(cvc) <= 4):
        raise _wrong("Your card's security code is invalid.", "invalid_cvc", "cvc")
    brand, behaviour = NUMBERS.get(digits, ("visa", "test_mode_live_card"))
    return Card(brand, digits[-4:], exp_month, exp_year, behaviour)


def _wrong(message: str, code: str, param: str) -> Refused:
    return declined(message, code=code, param=param)


def _is_number(digits: str) -> bool:
    if not 12 <= len(digits) <= 19:
        return False
    values = [int(digit) for digit in reversed(digits)]
    doubled = [sum(divmod(2 * value, 10)) for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0


def is_past(exp_month: int, exp_year: int, now: int) -> bool:
    """A card is good until the last second of its month."""
    last_day = calendar.monthrange(exp_year, exp_month)[1]
    return now > int(datetime(exp_year, exp_month, last_day, 23, 59, 59, tzinfo=UTC).timestamp())


def decline(reason: str, *, keeps: bool = False, **more: object) -> Refused:
    code, message = TEXTS[reason]
    decline_code = reason if code == "card_declined" else ""
    return declined(message, code=code, decline_code=decline_code, keeps=keeps, **more)


def require_kind(kind: str | None) -> None:
    if kind != "card":
        raise invalid("Simulated payments know cards only.", "type")
