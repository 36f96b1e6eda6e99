"""What people type to make a key; the shape only."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time

from django import forms
from django.utils import timezone

from accounts.permissions import Permission

SCOPE_WORDS = {
    Permission.VIEW: "read conversations, assistants and the list of models",
    Permission.CHAT: "ask, by the REST API or any OpenAI client",
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
USUAL_SCOPES = (Permission.VIEW, Permission.CHAT)


class ApiKeyForm(forms.Form):
    """Offers the scopes in `allowed` and refuses every other."""

    name = forms.CharField(
        max_length=80, help_text="Where it is used, so that you know later which one to revoke."
    )
    scopes = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        label="What it may do",
        error_messages={
            "required": "Choose at least one.",
            "invalid_choice": "“%(value)s” is unknown, or beyond what your role may do.",
        },
    )
    expires_on = forms.DateField(
        required=False,
        label="Last day",
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="It ends with this day (UTC). Without one it works until it is revoked.",
    )

    def __init__(self, data: Mapping[str, object] | None = None, *, allowed: Collection[Permission]) -> None:
        super().__init__(data, initial={"scopes": [scope for scope in USUAL_SCOPES if scope in allowed]})
        choices = [
            (scope.value, f"{scope}: {SCOPE_WORDS[scope]}") for scope in Permission if scope in allowed
        ]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]

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
