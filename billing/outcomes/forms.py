"""Shape of what people send about contracts."""

from django import forms

from billing.outcomes.models import MOST_DIGITS, PLACES
from billing.outcomes.services import Evidence


class MeasurementForm(forms.Form):
    """`evidence_of` and the rest of `cleaned_data` are what `services.measure` takes."""

    value = forms.DecimalField(label="Value", max_digits=MOST_DIGITS, decimal_places=PLACES)
    measured_at = forms.DateTimeField(
        label="Measured at", required=False, help_text="Empty: now. In UTC.", widget=forms.DateTimeInput
    )
    evidence = forms.CharField(
        label="Where does it come from?",
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="In words, or with an address below.",
    )
    evidence_url = forms.URLField(label="Address", max_length=1000, required=False, assume_scheme="https")

    def evidence_of(self) -> Evidence:
        return Evidence(self.cleaned_data["evidence"], self.cleaned_data["evidence_url"])
