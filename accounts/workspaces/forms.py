"""What people type about a workspace; the shape only."""

from itertools import groupby
from typing import Any

from django import forms

from config import errors
from tenants import pictures
from tenants.scope import WorkspaceRef
from tenants.settings import values

FOR_GOOD, CUSTOM = "", "custom"
RETENTION = [
    (FOR_GOOD, "For good"),
    *((str(days), f"{days} days") for days in values.USUAL_RETENTION_DAYS),
    (CUSTOM, "Another number of days"),
]
SLUG_HELP = "3 to 40 lower-case letters, digits and hyphens."


def zone_choices() -> list[tuple[str, Any]]:
    """By continent."""
    zones = sorted(values.ZONES - {"UTC"})
    groups = [
        (area, [(zone, zone.split("/", 1)[1].replace("_", " ").replace("/", ", ")) for zone in found])
        for area, found in groupby(zones, key=lambda zone: zone.split("/", 1)[0])
    ]
    return [("UTC", "UTC"), *groups]


class RefusableForm(forms.Form):
    def refuse(self, error: errors.DomainError, field: str) -> None:
        """Shows a service's refusal at the field that it names, or at `field`."""
        named = error.data.get("field", field)
        self.add_error(named if named in self.fields else None, error.message)


class WorkspaceForm(RefusableForm):
    name = forms.CharField(
        max_length=values.NAME_LENGTH,
        help_text="What your team is called. It can be changed later.",
        widget=forms.TextInput(
            attrs={"autocomplete": "organization", "autofocus": True, "data-slug-source": ""}
        ),
    )
    slug = forms.CharField(
        max_length=40,
        required=False,
        label="Address",
        help_text=f"{SLUG_HELP} Left empty, one is made from the name.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "data-slug": ""}),
    )
    timezone = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-timezone": ""}))

    def clean_timezone(self) -> str:
        """The browser's, as far as it is known here: nobody typed it."""
        zone: str = self.cleaned_data["timezone"]
        return zone if zone in values.ZONES else "UTC"


class SettingsForm(RefusableForm):
    name = forms.CharField(max_length=values.NAME_LENGTH)
    timezone = forms.ChoiceField(
        choices=zone_choices,
        help_text="Days and months of limits and statements begin by it. A change counts from the next question on.",
    )
    language = forms.ChoiceField(
        choices=list(values.LANGUAGES.items()),
        help_text="The main language of your team, for programs that ask. Pages and mails are in English so far.",
    )
    retention = forms.ChoiceField(
        required=False,
        choices=RETENTION,
        label="Keep conversations",
        help_text="Older ones are erased every night, for everybody in this workspace, and cannot be brought back.",
    )
    retention_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=values.MOST_RETENTION_DAYS,
        label="Number of days",
        help_text="Only for “Another number of days”.",
    )

    @classmethod
    def of(cls, workspace: WorkspaceRef, *, retention_days: int | None) -> "SettingsForm":
        days = "" if retention_days is None else str(retention_days)
        is_usual = days in dict(RETENTION)
        return cls(
            initial={
                "name": workspace.name,
                "timezone": workspace.timezone,
                "language": workspace.language,
                "retention": days if is_usual else CUSTOM,
                "retention_days": None if is_usual else days,
            }
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        chosen = data.get("retention", "")
        if chosen == CUSTOM and data.get("retention_days") is None and "retention_days" not in self.errors:
            self.add_error("retention_days", "Say after how many days they are erased.")
        return data

    @property
    def wanted(self) -> dict[str, Any]:
        data = self.cleaned_data
        chosen = data["retention"]
        days = data["retention_days"] if chosen == CUSTOM else int(chosen) if chosen else None
        return {**{name: data[name] for name in ("name", "timezone", "language")}, "retention_days": days}


class SlugForm(RefusableForm):
    slug = forms.CharField(
        max_length=40,
        label="Address",
        help_text=f"{SLUG_HELP} The former address leads to the new one, and stays yours.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )


class LookForm(RefusableForm):
    accent = forms.CharField(
        required=False,
        max_length=7,
        label="Colour",
        help_text="Of buttons and links, such as #0b6650. Empty: the product’s.",
        widget=forms.TextInput(
            attrs={"placeholder": "#0b6650", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    hides_product_name = forms.BooleanField(
        required=False,
        label="Hide the product’s name",
        help_text="In titles, footers and mails of this workspace, and on its own domain.",
    )


class LogoForm(RefusableForm):
    logo = forms.FileField(
        label="Picture",
        help_text="PNG, JPEG or WebP, 1 MB at most. It is made smaller than 512 × 512 pixels.",
        widget=forms.FileInput(attrs={"accept": pictures.ACCEPT}),
    )


class DomainForm(RefusableForm):
    domain = forms.CharField(
        max_length=300,
        label="Domain",
        help_text="A name for this workspace alone, such as chat.example.com.",
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false", "inputmode": "url"}),
    )
