"""What is typed about a webhook; the shape only."""

from typing import Any

from django import forms

from config import errors
from tenants.models import WebhookEndpoint
from tenants.webhooks import calling, services, types

FIELD_OF = {"webhook_address_refused": "url", "event_type_unknown": "event_types"}


class WebhookForm(forms.Form):
    url = forms.CharField(
        max_length=calling.MOST_URL,
        label="Address",
        help_text="Where messages are posted to: https, on a public host.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
    )
    description = forms.CharField(
        max_length=200, required=False, help_text="What it is for, as your team will read it."
    )
    event_types = forms.MultipleChoiceField(
        label="Tell it when",
        choices=[(kind.name, f"{kind.title} ({kind.name})") for kind in types.EVENT_TYPES],
        widget=forms.CheckboxSelectMultiple,
    )

    def refuse(self, error: errors.DomainError) -> None:
        """At the field that it is about."""
        self.add_error(FIELD_OF.get(error.code), error.message)


class RotateForm(forms.Form):
    overlap_hours = forms.IntegerField(
        min_value=0,
        max_value=services.MOST_OVERLAP_HOURS,
        initial=services.OVERLAP_HOURS,
        label="Hours that the former secret signs too",
        help_text=f"0 to {services.MOST_OVERLAP_HOURS}. With 0 messages are signed with the new one only, at once.",
    )


def initial_of(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {"url": endpoint.url, "description": endpoint.description, "event_types": endpoint.event_types}
