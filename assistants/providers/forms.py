"""What an admin types about a provider; the shape only."""

from typing import Any

from django import forms

from assistants.models import Provider
from assistants.providers import addresses
from assistants.providers.services import MOST_KEY, Wanted
from config import errors


class ProviderForm(forms.Form):
    name = forms.CharField(max_length=60, help_text="As your team will see it beside its models.")
    kind = forms.ChoiceField(choices=Provider.Kind.choices, widget=forms.RadioSelect)
    base_url = forms.CharField(
        max_length=addresses.MOST,
        required=False,
        label="Address",
        help_text="Of an OpenAI-compatible server, with its /v1: https://models.example.com/v1. Left out for OpenAI.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
    )
    key = forms.CharField(
        max_length=MOST_KEY,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    drops_key = forms.BooleanField(required=False, label="Forget the key: this server needs none")

    def __init__(self, *args: Any, provider: Provider | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = "Kept sealed and never shown again."
        if provider is None or provider.key_sealed is None:
            del self.fields["drops_key"]
            self.fields["key"].help_text = f"{kept} Servers of your own often need none."
            return
        ending = f" that ends in {provider.key_last_four}" if provider.key_last_four else ""
        self.fields[
            "key"
        ].help_text = f"{kept} Empty keeps the one{ending}; with another address it must be entered again."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == Provider.Kind.COMPATIBLE and not data.get("base_url"):
            self.add_error("base_url", "Write the address of the server.")
        return data

    @property
    def wanted(self) -> Wanted:
        return Wanted(**{"drops_key": False, **self.cleaned_data})

    def refuse(self, error: errors.DomainError) -> None:
        """At the field that it names."""
        field = error.data.get("field")
        self.add_error(field if field in self.fields else None, error.message)


def initial_of(provider: Provider) -> dict[str, Any]:
    is_openai = provider.kind == Provider.Kind.OPENAI
    return {
        "name": provider.name,
        "kind": provider.kind,
        "base_url": "" if is_openai else provider.base_url,
    }
