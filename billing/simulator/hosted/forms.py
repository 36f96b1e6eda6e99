"""What people type into the simulated payment service; the shape only.

SECURITY: number and code of a card live in the form of one request. What is kept of a card are its brand, its last four
digits and its date.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms

Data = Mapping[str, Any] | None
EXPIRY = re.compile(r"^\s*(\d{1,2})\s*[/.-]?\s*(\d{2}|\d{4})\s*$")
QUIET = {"autocomplete": "off", "spellcheck": "false"}
REASONS = (
    ("too_expensive", "It is too expensive"),
    ("missing_features", "Something I need is missing"),
    ("switched_service", "I found something else"),
    ("unused", "I do not use it enough"),
    ("customer_service", "The support was not good"),
    ("too_complex", "It is too hard to use"),
    ("low_quality", "The quality is too low"),
    ("other", "Something else"),
)


@dataclass(frozen=True)
class Card:
    """As typed. `number` is digits only."""

    number: str
    exp_month: int
    exp_year: int
    cvc: str
    name: str

    def __repr__(self) -> str:
        return f"Card(…{self.number[-4:]})"


class CardForm(forms.Form):
    """`today`: by the simulated clock."""

    number = forms.CharField(
        label="Card number",
        max_length=30,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "placeholder": "1234 1234 1234 1234", **QUIET}),
        error_messages={"required": "Your card number is incomplete."},
    )
    expiry = forms.CharField(
        label="Expires",
        max_length=9,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "placeholder": "MM / YY", **QUIET}),
        error_messages={"required": "Your card’s expiration date is incomplete."},
    )
    cvc = forms.CharField(
        label="Security code",
        max_length=4,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "placeholder": "CVC", **QUIET}),
        error_messages={"required": "Your card’s security code is incomplete."},
    )
    name = forms.CharField(
        label="Name on card",
        max_length=100,
        widget=forms.TextInput(attrs=QUIET),
        error_messages={"required": "Please provide the name on the card."},
    )

    def __init__(self, data: Data = None, *, today: date, **more: Any) -> None:
        super().__init__(data, **more)
        self.today = today

    def clean_number(self) -> str:
        digits = re.sub(r"[\s-]", "", self.cleaned_data["number"])
        if (
            not digits.isascii()
            or not digits.isdigit()
            or not 12 <= len(digits) <= 19
            or not has_check_digit(digits)
        ):
            raise forms.ValidationError("Your card number is invalid.")
        return digits

    def clean_expiry(self) -> tuple[int, int]:
        found = EXPIRY.match(self.cleaned_data["expiry"])
        if not found or not 1 <= int(found[1]) <= 12:
            raise forms.ValidationError("Your card’s expiration date is invalid.")
        month, year = int(found[1]), int(found[2]) + (2000 if len(found[2]) == 2 else 0)
        if (year, month) < (self.today.year, self.today.month):
            raise forms.ValidationError("Your card’s expiration date is in the past.")
        return month, year

    def clean_cvc(self) -> str:
        code: str = self.cleaned_data["cvc"]
        if not re.fullmatch(r"[0-9]{3,4}", code):
            raise forms.ValidationError("Your card’s security code is invalid.")
        return code

    @property
    def card(self) -> Card:
        data = self.cleaned_data
        month, year = data["expiry"]
        return Card(data["number"], month, year, data["cvc"], data["name"])


class CheckoutForm(CardForm):
    """Only the fields that this checkout asks for: each may be left out by its keyword."""

    email = forms.EmailField(
        label="Email", max_length=254, error_messages={"required": "Please provide your email address."}
    )
    quantity = forms.IntegerField(label="Quantity", min_value=1, max_value=999_999)
    promotion_code = forms.CharField(
        label="Promotion code", max_length=100, required=False, widget=forms.TextInput(attrs=QUIET)
    )
    tax_id = forms.CharField(
        label="Tax id",
        max_length=30,
        required=False,
        help_text="For example an EU VAT number: DE123456789.",
        widget=forms.TextInput(attrs=QUIET),
    )

    def __init__(
        self,
        data: Data = None,
        *,
        needs_card: bool,
        has_quantity: bool,
        has_code: bool,
        has_tax_id: bool,
        email_is_fixed: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(data, **more)
        absent = [] if needs_card else ["number", "expiry", "cvc", "name"]
        absent += [] if has_quantity else ["quantity"]
        absent += [] if has_code else ["promotion_code"]
        absent += [] if has_tax_id else ["tax_id"]
        for name in absent:
            del self.fields[name]
        # Then what is posted of it does not count.
        self.fields["email"].disabled = email_is_fixed
        for name in {"quantity", "promotion_code"} & set(self.fields):
            # They stand beside what is bought, outside the form's own element.
            self.fields[name].widget.attrs["form"] = "pay"


class AddCardForm(CardForm):
    make_default = forms.BooleanField(label="Use this card for coming invoices", required=False, initial=True)


class CancelForm(forms.Form):
    reason = forms.ChoiceField(label="Why do you cancel?", required=False, widget=forms.RadioSelect)
    comment = forms.CharField(
        label="Anything else we should know?",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Data = None, *, reasons: list[str]) -> None:
        super().__init__(data)
        if reasons:
            self.fields["reason"].choices = [row for row in REASONS if row[0] in reasons]  # type: ignore[attr-defined]
        else:
            del self.fields["reason"], self.fields["comment"]


class DetailsForm(forms.Form):
    name = forms.CharField(label="Name", max_length=100, required=False)
    email = forms.EmailField(label="Email", max_length=254)

    def __init__(self, data: Data = None, *, allowed: list[str], **more: Any) -> None:
        super().__init__(data, **more)
        for name in set(self.fields) - set(allowed):
            del self.fields[name]


class PlanForm(forms.Form):
    price = forms.ChoiceField(
        error_messages={"required": "Choose a plan.", "invalid_choice": "Choose a plan."}
    )
    quantity = forms.IntegerField(label="Quantity", min_value=1, max_value=999_999)

    def __init__(self, data: Data = None, *, prices: list[str], has_quantity: bool, **more: Any) -> None:
        super().__init__(data, **more)
        self.fields["price"].choices = [(price, price) for price in prices]  # type: ignore[attr-defined]
        if not has_quantity:
            del self.fields["quantity"]


def has_check_digit(digits: str) -> bool:
    """Luhn: the last digit belongs to the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
