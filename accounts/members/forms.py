"""What people type to invite somebody, or to change what somebody may do; the shape only."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django import forms

from accounts.members import addresses, rules
from accounts.members.addresses import Entry
from accounts.members.inviting import MOST_AT_ONCE
from accounts.members.rules import ROLE_WORDS, Role
from accounts.models import Membership


def role_choices(own: str) -> list[tuple[str, str]]:
    return [(role.value, f"{role.label}: {ROLE_WORDS[role]}") for role in rules.grantable(own)]


class InviteForm(forms.Form):
    """Offers the roles that somebody of the role `own` may give."""

    addresses = forms.CharField(
        label="E-mail addresses",
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 5, "autocapitalize": "off", "spellcheck": "false"}),
        help_text=f"One, or a list of up to {MOST_AT_ONCE}: by commas, semicolons or lines, with names or without, as"
        " in Ada Lovelace &lt;ada@example.org&gt;.",
        error_messages={"required": "Type or paste at least one address."},
    )
    role = forms.ChoiceField(widget=forms.RadioSelect, label="They join as")

    def __init__(
        self, data: Mapping[str, object] | None = None, *, own: str, typed: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(data, initial={"role": Role.MEMBER, **(typed or {})})
        self.fields["role"].choices = role_choices(own)  # type: ignore[attr-defined]

    def clean_addresses(self) -> list[Entry]:
        entries = addresses.read(self.cleaned_data["addresses"])
        if not entries:
            raise forms.ValidationError("Type or paste at least one address.")
        if len(entries) > MOST_AT_ONCE:
            raise forms.ValidationError(
                f"These are {len(entries):,} addresses. Invite at most {MOST_AT_ONCE} at once."
            )
        return entries


class RoleForm(forms.Form):
    role = forms.ChoiceField(widget=forms.RadioSelect, label="Role")

    def __init__(self, data: Mapping[str, object] | None = None, *, own: str, present: str) -> None:
        super().__init__(data, initial={"role": present})
        self.fields["role"].choices = role_choices(own)  # type: ignore[attr-defined]


class TransferForm(forms.Form):
    membership = forms.ChoiceField(label="New owner")

    def __init__(
        self, data: Mapping[str, object] | None = None, *, colleagues: Sequence[Membership], chosen: str = ""
    ) -> None:
        super().__init__(data, initial={"membership": chosen})
        choices = [(str(row.id), _person(row)) for row in colleagues]
        self.fields["membership"].choices = [("", "Choose a person"), *choices]  # type: ignore[attr-defined]

    @property
    def membership_id(self) -> UUID:
        return UUID(self.cleaned_data["membership"])


def _person(membership: Membership) -> str:
    return f"{membership.user.name} ({membership.user.email}), {membership.role}"
