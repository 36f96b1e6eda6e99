"""Shape of what is typed before an account is deleted."""

from django import forms


class DeleteForm(forms.Form):
    typed = forms.CharField(
        label="Your e-mail address",
        max_length=254,
        help_text="Type it to confirm.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
