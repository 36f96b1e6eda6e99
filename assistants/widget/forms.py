from django import forms

from assistants.widget import sites
from assistants.widget.refusals import SitesRefused
from assistants.widget.services import Settings

MOST_A_DAY = 100_000


class WidgetForm(forms.Form):
    is_on = forms.BooleanField(required=False, label="On", help_text="Off, the chat is nowhere to be seen.")
    sites = forms.CharField(
        required=False,
        max_length=4_000,
        label="Sites that may show it",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One on each line, like https://www.example.com or https://*.example.com. Nobody else can.",
    )
    title = forms.CharField(max_length=60, help_text="Over the chat.")
    greeting = forms.CharField(
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What a visitor reads first.",
    )
    colour = forms.RegexField(
        r"^#[0-9a-fA-F]{6}$",
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text="Of the bubble and the visitor’s messages.",
        error_messages={"invalid": "Choose a colour like #0b6650."},
    )
    messages_per_day = forms.IntegerField(
        min_value=1, max_value=MOST_A_DAY, label="Messages a day", help_text="Of all visitors together."
    )
    visitor_messages_per_day = forms.IntegerField(
        min_value=1, max_value=MOST_A_DAY, label="Messages a day, each visitor"
    )

    def clean_sites(self) -> list[str]:
        try:
            return sites.read(self.cleaned_data["sites"])
        except SitesRefused as refusal:
            raise forms.ValidationError(refusal.message, code=refusal.code) from refusal

    @property
    def settings(self) -> Settings:
        """Of a valid form."""
        return Settings(**self.cleaned_data)
