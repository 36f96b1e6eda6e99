"""What people type to make a key; the shape only."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from accounts.keys import addresses
from accounts.keys.services import MAX_OVERLAP_H
from accounts.permissions import MEANINGS, Permission, offered_scopes, permissions_of
from config import ports

SCOPE_WORDS = {
    "read": "read conversations, assistants and the list of models",
    "chat": "ask, by the REST API or any OpenAI client",
    "assistants": "make and change assistants",
    "usage": "read what everybody in this workspace used",
    "billing": "read and change plan, invoices and billing log",
    "admin": "keys, members, settings and the end of this workspace",
    Permission.VIEW: "read conversations, assistants and the list of models",
    Permission.ASSISTANTS_MANAGE: "make and change assistants",
    Permission.KEYS_MANAGE: "make and revoke API keys",
    Permission.USAGE_VIEW: "read what everybody in this workspace used",
    Permission.BILLING_VIEW: "read plan, invoices and billing log",
    Permission.BILLING_MANAGE: "buy, change and cancel the plan",
    Permission.MEMBERS_MANAGE: "manage who is in this workspace",
    Permission.WORKSPACE_MANAGE: "change this workspace",
    Permission.WORKSPACE_OWN: "hand over, export and delete this workspace, single sign-on, own domain",
    Permission.AUDIT_VIEW: "read the audit log",
}
USUAL_SCOPES = ("read", "chat")
LIMIT_ROWS = 2
LARGEST = 10**12
ADDRESSES_HELP = "One a line, such as 203.0.113.7 or 2001:db8::/48. Empty: from everywhere."


class ScopesField(forms.MultipleChoiceField):
    """Offers scopes as whole as it can, and takes whatever `allowed` covers."""

    allowed: Collection[Permission] = ()

    def valid_value(self, value: Any) -> bool:
        return value in MEANINGS and permissions_of([value]) <= set(self.allowed)


class AddressesField(forms.CharField):
    """A list of networks, one a line."""

    widget = forms.Textarea(attrs={"rows": 2})

    def clean(self, value: Any) -> Any:
        typed = str(super().clean(value)).replace(",", "\n").splitlines()
        try:
            return addresses.networks(line for line in typed if line.strip())
        except addresses.AddressesRefused as error:
            raise forms.ValidationError(error.message) from error

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value


class EndMixin(forms.Form):
    expires_on = forms.DateField(
        required=False,
        label="Last day",
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="It ends with this day (UTC). Without one it works until it is revoked.",
    )

    def clean_expires_on(self) -> date | None:
        day: date | None = self.cleaned_data["expires_on"]
        if day is not None and day < timezone.now().astimezone(UTC).date():
            raise forms.ValidationError("This day is over. Choose today or a later one.")
        return day

    @property
    def expires_at(self) -> datetime | None:
        """The last moment of the last day."""
        day: date | None = self.cleaned_data["expires_on"]
        return datetime.combine(day, time.max, tzinfo=UTC) if day else None


class ApiKeyForm(EndMixin):
    """Offers the scopes in `allowed` and refuses every other."""

    name = forms.CharField(
        max_length=80, help_text="Where it is used, so that you know later which one to revoke."
    )
    scopes = ScopesField(
        widget=forms.CheckboxSelectMultiple,
        label="What it may do",
        error_messages={
            "required": "Choose at least one.",
            "invalid_choice": "“%(value)s” is unknown, or beyond what your role may do.",
        },
    )
    addresses = AddressesField(
        required=False, label="Allowed addresses", help_text=ADDRESSES_HELP, max_length=2000
    )

    field_order = ("name", "scopes", "expires_on", "addresses")

    def __init__(self, data: Mapping[str, object] | None = None, *, allowed: Collection[Permission]) -> None:
        offered = offered_scopes(allowed)
        super().__init__(data, initial={"scopes": [scope for scope in USUAL_SCOPES if scope in offered]})
        scopes = self.fields["scopes"]
        assert isinstance(scopes, ScopesField)
        scopes.allowed = allowed
        scopes.choices = [(scope, f"{scope}: {SCOPE_WORDS[scope]}") for scope in offered]
        self.words = ports.key_limit_words()
        for row in range(1, LIMIT_ROWS + 1):
            self.fields |= _limit_fields(row, self.words)

    @property
    def main_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.field_order]

    @property
    def limit_rows(self) -> Iterator[list[forms.BoundField]]:
        for row in range(1, LIMIT_ROWS + 1):
            yield [self[f"limit{row}_{part}"] for part in ("amount", "meter", "window")]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["limits"] = []
        for row in range(1, LIMIT_ROWS + 1):
            amount: Decimal | None = data.get(f"limit{row}_amount")
            meter, window = data.get(f"limit{row}_meter"), data.get(f"limit{row}_window")
            if amount is None or not meter or not window:
                continue
            exact = amount * self.words.units[meter]
            if exact % 1:
                self.add_error(f"limit{row}_amount", "Only money can be set to a part of one.")
            data["limits"].append({"meter": meter, "window": window, "amount": int(exact)})
        if len({(limit["meter"], limit["window"]) for limit in data["limits"]}) < len(data["limits"]):
            self.add_error(f"limit{LIMIT_ROWS}_meter", "Each of these can be limited once for the same time.")
        return data


def _limit_fields(row: int, words: ports.KeyLimitWords) -> dict[str, forms.Field]:
    return {
        f"limit{row}_amount": forms.DecimalField(
            required=False, min_value=0, max_value=LARGEST, decimal_places=2, label="At most"
        ),
        f"limit{row}_meter": forms.ChoiceField(required=False, choices=words.meters, label="Of"),
        f"limit{row}_window": forms.ChoiceField(required=False, choices=words.windows, label="Per"),
    }


class ApiKeyChangeForm(EndMixin):
    name = forms.CharField(max_length=80)
    addresses = AddressesField(
        required=False, label="Allowed addresses", help_text=ADDRESSES_HELP, max_length=2000
    )

    field_order = ("name", "expires_on", "addresses")


class ApiKeyRotateForm(forms.Form):
    overlap_hours = forms.IntegerField(
        min_value=0,
        max_value=MAX_OVERLAP_H,
        initial=24,
        label="Hours that the former secret works on",
        help_text=f"0 to {MAX_OVERLAP_H}. With 0 it ends at once, and so do the answers that its programs are reading.",
    )
