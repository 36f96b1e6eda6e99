"""What may be typed about a card, and what is said about it otherwise."""

from datetime import date

import pytest

from billing.simulator.hosted.forms import CardForm

TODAY = date(2026, 11, 28)
GOOD = {"number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123", "name": "Ada"}


def errors(**changed):
    form = CardForm({**GOOD, **changed}, today=TODAY)
    form.is_valid()
    return {name: list(found) for name, found in form.errors.items()}


def test_a_good_card_is_taken_apart():
    form = CardForm(GOOD, today=TODAY)
    assert form.is_valid()
    card = form.card
    assert (card.number, card.exp_month, card.exp_year, card.cvc) == ("4242424242424242", 12, 2034, "123")


def test_a_card_never_shows_its_number_where_it_might_be_logged():
    form = CardForm(GOOD, today=TODAY)
    assert form.is_valid()
    assert "42424242" not in repr(form.card)
    assert "123" not in repr(form.card)


@pytest.mark.parametrize(
    "number", ["4242424242424241", "42", "4242-4242-4242-424x", "４２４２４２４２４２４２４２４２"]
)
def test_a_number_that_is_none_is_invalid(number):
    assert errors(number=number) == {"number": ["Your card number is invalid."]}


@pytest.mark.parametrize(
    ("expiry", "said"),
    [
        ("10/26", ["Your card’s expiration date is in the past."]),
        ("13/30", ["Your card’s expiration date is invalid."]),
        ("soon", ["Your card’s expiration date is invalid."]),
        ("", ["Your card’s expiration date is incomplete."]),
    ],
)
def test_a_date_that_is_over_or_none_is_refused(expiry, said):
    assert errors(expiry=expiry) == {"expiry": said}


@pytest.mark.parametrize("expiry", ["11/26", "1234", "12 / 2034", "12-34", "1/30"])
def test_dates_are_taken_as_people_write_them(expiry):
    assert errors(expiry=expiry) == {}


def test_the_code_has_three_or_four_digits():
    assert errors(cvc="12") == {"cvc": ["Your card’s security code is invalid."]}
    assert errors(cvc="1234") == {}
