"""What people type about themselves; the shape only."""

from django import forms

from accounts.profile import services
from tenants import pictures
from tenants.settings.values import ZONES

ZONE_LIST = "zones"
"""The id of the list that the field searches in."""


class ProfileForm(forms.Form):
    display_name = forms.CharField(
        max_length=services.NAME_LENGTH,
        required=False,
        label="Name",
        help_text="What the people you work with see. Left empty, it is the part of your address before the @.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(
        choices=list(services.LANGUAGES.items()),
        help_text="Pages and mails are in English so far; more appear here when there are more.",
    )
    timezone = forms.CharField(
        required=False,
        max_length=64,
        help_text="Type a city to search, such as Berlin. For your own pages; a workspace has its own.",
        widget=forms.TextInput(attrs={"list": ZONE_LIST, "autocomplete": "off", "spellcheck": "false"}),
    )
    theme = forms.ChoiceField(
        choices=list(services.THEMES.items()),
        help_text="On devices where you have not chosen another one.",
    )
    new_device_mails = forms.BooleanField(
        required=False, label="Mail me when somebody signs in from a device that is new"
    )

    def clean_timezone(self) -> str:
        """A city is enough where only one zone ends with it."""
        typed = self.cleaned_data["timezone"].strip().replace(" ", "_")
        if not typed:
            return ""
        wanted = typed.lower()
        found = [zone for zone in ZONES if zone.lower() == wanted or zone.lower().endswith(f"/{wanted}")]
        if len(found) != 1:
            raise forms.ValidationError("Choose one of the list, such as Europe/Berlin.", code="zone_unknown")
        return str(found[0])


class AvatarForm(forms.Form):
    picture = forms.FileField(
        help_text="PNG, JPEG or WebP of up to 2 MB. The middle of it is kept, and nothing else from the file.",
        widget=forms.FileInput(attrs={"accept": pictures.ACCEPT}),
    )
