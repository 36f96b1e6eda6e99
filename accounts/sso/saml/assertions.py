"""Responses of a SAML provider: the toolkit's strict checks, and those that it leaves open.

It takes an assertion without audience, recipient or end, compares recipients by their part, joins texts around
comments, and remembers nothing. Here each of these is refused, as is everything of XML that a response does not need.
"""

import hashlib
import re
import time
from collections.abc import Iterator
from typing import Any

from django.core.cache import caches
from lxml import etree
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Constants
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from accounts.sso.assertion import Assertion, AssertionRefused
from accounts.sso.models import Connection
from accounts.sso.saml import config

MOST_CHARACTERS = 256 * 1024
REPLAY_LEEWAY_S = 600
LONGEST_LIFE_S = 24 * 3600
DECLARATION = re.compile(r"""\A\s*<\?xml[^>?]*?(?:encoding\s*=\s*["']([\w.-]+)["'][^>?]*)?\?>""")
SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:subject-id"
MAIL_ATTRIBUTES = (
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "email",
    "mail",
)
NAME_ATTRIBUTES = (
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
)
SIGNATURES = {
    f"http://www.w3.org/2001/04/xmldsig-more#{name}-sha{size}"
    for name in ("rsa", "ecdsa")
    for size in (256, 384, 512)
}
DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
}
TRANSFORMS = {
    "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
}
Codes = OneLogin_Saml2_ValidationError
REASONS = {
    Codes.WRONG_AUDIENCE: "audience",
    Codes.WRONG_ISSUER: "issuer",
    Codes.ISSUER_NOT_FOUND_IN_ASSERTION: "issuer",
    Codes.ISSUER_MULTIPLE_IN_RESPONSE: "issuer",
    Codes.ASSERTION_EXPIRED: "expired",
    Codes.ASSERTION_TOO_EARLY: "expired",
    Codes.SESSION_EXPIRED: "expired",
    Codes.WRONG_DESTINATION: "recipient",
    Codes.EMPTY_DESTINATION: "recipient",
    Codes.WRONG_SUBJECTCONFIRMATION: "recipient",
    Codes.WRONG_INRESPONSETO: "unasked",
    Codes.NO_SIGNED_ASSERTION: "signature",
    Codes.NO_SIGNATURE_FOUND: "signature",
    Codes.INVALID_SIGNATURE: "signature",
    Codes.STATUS_CODE_IS_NOT_SUCCESS: "status",
}


def read(connection: Connection, text: str) -> OneLogin_Saml2_Response:
    """The response as XML; nothing in it is believed yet. Raises AssertionRefused."""
    if len(text) > MOST_CHARACTERS:
        raise AssertionRefused("too_large")
    try:
        _check_plain(OneLogin_Saml2_Utils.b64decode(text))
        return OneLogin_Saml2_Response(OneLogin_Saml2_Settings(config.toolkit(connection)), text)
    except (ValueError, etree.LxmlError, OneLogin_Saml2_Error, Codes) as error:
        raise AssertionRefused("unreadable") from error


def verify(connection: Connection, response: OneLogin_Saml2_Response, *, request_id: str | None) -> Assertion:
    """What the provider says of whom. `request_id`: of the request that it answers; None for one that we did not make.

    Raises AssertionRefused. An assertion is taken once.
    """
    try:
        _check_signatures(response)
        response.is_valid(config.request_data(connection), request_id, raise_exceptions=True)
        ends = _check_what_the_toolkit_leaves(connection, response, request_id)
        assertion = _assertion(connection, response)
    except Codes as error:
        raise AssertionRefused(REASONS.get(error.code, "response")) from error
    except (ValueError, KeyError, etree.LxmlError, OneLogin_Saml2_Error) as error:
        raise AssertionRefused("response") from error
    _take_once(connection, response.get_assertion_id(), ends)
    return assertion


def _check_plain(raw: bytes) -> None:
    """UTF-8 without comments, declarations of types, CDATA and instructions: all of them make a text read twice.

    Raises ValueError.
    """
    text = raw.decode("utf-8")
    declared = DECLARATION.match(text)
    if declared and (declared.group(1) or "utf-8").lower() not in ("utf-8", "us-ascii"):
        raise ValueError("encoding")
    rest = text[declared.end() :] if declared else text
    if "<!" in rest or "<?" in rest or "\0" in rest:
        raise ValueError("not plain")


def _check_signatures(response: OneLogin_Saml2_Response) -> None:
    """Raises AssertionRefused for methods beyond a short list, before any of them is carried out."""
    document = response.document
    allowed = {"SignatureMethod": SIGNATURES, "DigestMethod": DIGESTS, "Transform": TRANSFORMS}
    for name, algorithms in allowed.items():
        if any(node.get("Algorithm") not in algorithms for node in _named(document, name)):
            raise AssertionRefused("signature")
    signatures = list(_named(document, "Signature"))
    if any(len(list(_named(node, "Reference"))) != 1 for node in signatures):
        raise AssertionRefused("signature")
    ids = [node.get("ID") for node in document.iter() if node.get("ID")]
    # Nothing may hide a second document: not in an object of the signature, not in an extension.
    if len(ids) != len(set(ids)) or next(_named(document, "Object"), None) is not None:
        raise AssertionRefused("signature")


def _named(node: Any, name: str) -> Iterator[Any]:
    return iter(node.iter(f"{{{Constants.NS_DS}}}{name}"))


def _check_what_the_toolkit_leaves(
    connection: Connection, response: OneLogin_Saml2_Response, request_id: str | None
) -> float:
    """When the assertion ends, in seconds since 1970. Raises AssertionRefused."""
    acs = config.acs_url(connection.id)
    if config.entity_id(connection.id) not in response.get_audiences():
        raise AssertionRefused("audience")
    if response.document.get("Destination", acs) != acs:
        raise AssertionRefused("recipient")
    if response.get_in_response_to() != request_id:
        raise AssertionRefused("unasked")
    ends = [_end(node) for node in _confirmations(response) if _names_us(node, acs, request_id)]
    if not ends:
        raise AssertionRefused("recipient")
    now = time.time()
    if not now < max(ends) <= now + LONGEST_LIFE_S:
        raise AssertionRefused("expired")
    return max(ends)


def _confirmations(response: OneLogin_Saml2_Response) -> Any:
    bearer = f"[@Method='{Constants.CM_BEARER}']"
    return response._query_assertion(
        f"/saml:Subject/saml:SubjectConfirmation{bearer}/saml:SubjectConfirmationData"
    )


def _names_us(node: Any, acs: str, request_id: str | None) -> bool:
    """Exactly, and that request."""
    return node.get("Recipient") == acs and node.get("InResponseTo") == request_id


def _end(node: Any) -> float:
    """Without an end it has ended."""
    text = node.get("NotOnOrAfter")
    return float(OneLogin_Saml2_Utils.parse_SAML_to_time(text)) if text else 0.0


def _take_once(connection: Connection, assertion_id: str, ends: float) -> None:
    """SECURITY: remembered for as long as it could be sent again, by whoever got hold of it."""
    digest = hashlib.sha256(assertion_id.encode()).hexdigest()
    key = f"saml-assertion:{connection.id}:{digest}"
    if not caches["shared"].add(key, 1, ends - time.time() + REPLAY_LEEWAY_S):
        raise AssertionRefused("replayed")


def _assertion(connection: Connection, response: OneLogin_Saml2_Response) -> Assertion:
    attributes = response.get_attributes()
    name_id, name_format = response.get_nameid(), response.get_nameid_format()
    subject = _first(attributes, (SUBJECT_ID,)) or name_id
    if name_format == Constants.NAMEID_TRANSIENT and subject == name_id:
        raise AssertionRefused(
            "subject", "Your identity provider names you anew each time. It must send a persistent name ID."
        )
    email = _first(attributes, MAIL_ATTRIBUTES) or (name_id if "@" in (name_id or "") else "")
    if not subject or not email:
        raise AssertionRefused("address", "Your identity provider sent no e-mail address.")
    return Assertion(connection.issuer, subject, email.strip(), _first(attributes, NAME_ATTRIBUTES))


def _first(attributes: dict[str, list[Any]], names: tuple[str, ...]) -> str:
    for name in names:
        for value in attributes.get(name) or ():
            if isinstance(value, str) and value:
                return value
    return ""
