"""The toolkit's configuration of one connection: strict, and made from our own settings, never from a request."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Constants

from accounts.sso.models import Connection


def acs_url(connection_id: object) -> str:
    """Where the provider sends its responses."""
    return _url("saml_acs", connection_id)


def entity_id(connection_id: object) -> str:
    """Our name to the provider: the address of our metadata."""
    return _url("saml_metadata", connection_id)


def _url(name: str, connection_id: object) -> str:
    # SECURITY: what is compared with Destination, Recipient and Audience must not come from the Host header.
    return settings.BASE_URL + reverse(name, kwargs={"organization_slug": str(connection_id)})


def toolkit(connection: Connection) -> dict[str, Any]:
    provider = connection.settings
    return {
        "strict": True,
        "debug": False,
        "sp": {
            "entityId": entity_id(connection.id),
            "assertionConsumerService": {
                "url": acs_url(connection.id),
                "binding": Constants.BINDING_HTTP_POST,
            },
            "NameIDFormat": Constants.NAMEID_UNSPECIFIED,
        },
        "idp": {
            "entityId": provider["entity_id"],
            "singleSignOnService": {
                "url": provider["sso_url"],
                "binding": Constants.BINDING_HTTP_REDIRECT,
            },
            "x509certMulti": {"signing": provider["certificates"]},
        },
        "security": {
            "wantAssertionsSigned": True,
            "wantNameId": True,
            "wantAttributeStatement": False,
            "requestedAuthnContext": False,
            "rejectDeprecatedAlgorithm": True,
            "signatureAlgorithm": Constants.RSA_SHA256,
            "digestAlgorithm": Constants.SHA256,
            "allowSingleLabelDomains": True,
            "allowRepeatAttributeName": True,
        },
    }


def request_data(connection: Connection, response: str = "") -> dict[str, Any]:
    """As if the response had come to the address that we told the provider."""
    url = urlsplit(acs_url(connection.id))
    return {
        "https": "on" if url.scheme == "https" else "off",
        "http_host": url.netloc,
        "script_name": url.path,
        "get_data": {},
        "post_data": {"SAMLResponse": response} if response else {},
    }
