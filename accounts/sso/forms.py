"""What an owner types to set single sign-on up; the shape only."""

import base64
import re
from typing import Any

from cryptography import x509
from django import forms
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser as MetadataParser

from accounts.models import Membership
from accounts.sso.models import Connection
from accounts.sso.outbound import CallRefused, check_address

Role = Membership.Role
PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
ROLES = [(Role.VIEWER.value, "Viewer"), (Role.MEMBER.value, "Member"), (Role.ADMIN.value, "Admin")]
PEOPLE = ("provisions", "default_role", "admits_guests")


class DomainForm(forms.Form):
    domain = forms.CharField(
        max_length=253, label="Mail domain", help_text="What stands after the @, for example example.com."
    )


class UnbindForm(forms.Form):
    email = forms.EmailField(label="E-mail address of the person")


class StartForm(forms.Form):
    email = forms.EmailField(
        label="Your e-mail address at work",
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class ConnectionForm(forms.Form):
    """What both kinds ask. `provider_settings` is made of a valid form."""

    provisions = forms.BooleanField(
        required=False,
        label="Make people members when they first sign in",
        help_text="Each takes a seat. Without it, only who is a member already comes in.",
    )
    default_role = forms.ChoiceField(choices=ROLES, label="Role of new members")
    admits_guests = forms.BooleanField(
        required=False,
        label="Let members with addresses of other domains sign in as they do now",
        help_text="Asked once single sign-on is enforced: guests, contractors. Without it they are kept out.",
    )

    @property
    def people(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in PEOPLE}


class OidcForm(ConnectionForm):
    issuer = forms.CharField(
        max_length=300,
        help_text="The address of your provider, as it names itself: https://login.example.com/tenant",
    )
    client_id = forms.CharField(max_length=190, label="Client ID")
    client_secret = forms.CharField(
        max_length=300,
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Kept sealed and never shown again. Empty keeps the one that is there.",
    )
    field_order = ["issuer", "client_id", "client_secret"]

    def clean_issuer(self) -> str:
        issuer = self.cleaned_data["issuer"].strip().removesuffix("/.well-known/openid-configuration")
        return _address(issuer)


class SamlForm(ConnectionForm):
    metadata = forms.CharField(
        required=False,
        max_length=200_000,
        label="Metadata of your provider",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="The XML that your provider offers. With it, the next three fields fill themselves.",
    )
    entity_id = forms.CharField(max_length=300, required=False, label="Entity ID of your provider")
    sso_url = forms.CharField(max_length=500, required=False, label="Sign-on address")
    certificate = forms.CharField(
        max_length=20_000,
        required=False,
        label="Certificates that sign",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="PEM, one after the other. Two while your provider changes from one to the next.",
    )
    idp_initiated = forms.BooleanField(
        required=False,
        label="Also accept sign-ins that begin at the provider",
        help_text="For tiles on a portal. Somebody could then sign you in as themselves; leave it off if you can.",
    )
    field_order = ["metadata", "entity_id", "sso_url", "certificate", "idp_initiated"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("metadata", "").strip():
            cleaned |= _of_metadata(cleaned["metadata"])
        for name in ("entity_id", "sso_url", "certificate"):
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, "Needed, unless the metadata says it.")
        if cleaned.get("sso_url"):
            try:
                _address(cleaned["sso_url"])
            except forms.ValidationError as error:
                self.add_error("sso_url", error)
        if cleaned.get("certificate"):
            try:
                cleaned["certificates"] = certificates_of(cleaned["certificate"])
            except ValueError:
                self.add_error("certificate", "This is no certificate in PEM form.")
        return cleaned

    @property
    def provider_settings(self) -> dict[str, Any]:
        return {
            name: self.cleaned_data[name]
            for name in ("entity_id", "sso_url", "certificates", "idp_initiated")
        }


def initial_of(connection: Connection | None) -> dict[str, Any]:
    """A form as it was last saved; the secret stays where it is."""
    if connection is None:
        return {"provisions": True, "admits_guests": True, "default_role": Role.MEMBER}
    stored = connection.settings
    pems = "\n".join(map(pem_of, stored.get("certificates", ())))
    return {**stored, "certificate": pems, **{name: getattr(connection, name) for name in PEOPLE}}


def certificates_of(text: str) -> list[str]:
    """The DER of each as base64. Raises ValueError."""
    bodies = [re.sub(r"\s+", "", body) for body in PEM.findall(text) or [text]]
    for body in bodies:
        x509.load_der_x509_certificate(base64.b64decode(body, validate=True))
    return bodies


def pem_of(body: str) -> str:
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----"


def _of_metadata(text: str) -> dict[str, str]:
    """Raises ValidationError."""
    try:
        provider = MetadataParser.parse(text.encode())["idp"]
        several = provider.get("x509certMulti", {}).get("signing") or [provider["x509cert"]]
        found = {
            "entity_id": provider["entityId"],
            "sso_url": provider["singleSignOnService"]["url"],
            "certificate": "\n".join(map(pem_of, several)),
        }
    except (KeyError, ValueError, SyntaxError, TypeError) as error:
        raise forms.ValidationError({"metadata": "This is no metadata of an identity provider."}) from error
    return found


def _address(url: str) -> str:
    """Raises ValidationError."""
    try:
        check_address(url)
    except (CallRefused, ValueError) as error:
        raise forms.ValidationError("Type an https:// address.") from error
    return url
