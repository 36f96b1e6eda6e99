"""A SAML provider in the test: a key, a certificate, and responses made as wanted, right or wrong."""

import base64
import copy
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from onelogin.saml2.utils import OneLogin_Saml2_Utils as Utils

from accounts.sso.models import Connection
from accounts.sso.saml import config

ENTITY = "https://saml.idp.test"
SSO_URL = "https://saml.idp.test/sso"
NS = {
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
ASSERTION = """<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0"
 IssueInstant="{now}">
<saml:Issuer>{issuer}</saml:Issuer>
<saml:Subject><saml:NameID Format="{format}">{name_id}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData {confirmation}/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}">{audience}</saml:Conditions>
<saml:AuthnStatement AuthnInstant="{now}" SessionIndex="s"><saml:AuthnContext>
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>
</saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement><saml:Attribute Name="email"><saml:AttributeValue>{email}</saml:AttributeValue>
</saml:Attribute></saml:AttributeStatement></saml:Assertion>"""
RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
 xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="{now}"
 Destination="{destination}" {answers}><saml:Issuer>{issuer}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>{assertion}
</samlp:Response>"""


def make_pair() -> tuple[str, str]:
    """Key and certificate as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "saml.idp.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


KEY, CERTIFICATE = make_pair()
OTHER_KEY, OTHER_CERTIFICATE = make_pair()


@dataclass
class Wanted:
    """A right response, but for what a test changes. `connection` is whose it is made for."""

    connection: Connection
    request_id: str | None
    email: str
    name_id: str = ""
    format: str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    issuer: str = ENTITY
    audience: str | None = ""
    recipient: str | None = ""
    destination: str = ""
    begins: timedelta = timedelta(minutes=-1)
    ends: timedelta = timedelta(minutes=5)
    confirmation_ends: timedelta | None = timedelta(minutes=5)
    assertion_id: str = field(default_factory=lambda: "_" + secrets.token_hex(16))
    answers: str | None = ""

    def assertion(self) -> str:
        now = datetime.now(UTC)
        audience = self.audience if self.audience != "" else config.entity_id(self.connection.id)
        limits = (
            f"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>"
        )
        return ASSERTION.format(
            id=self.assertion_id,
            now=_instant(now),
            issuer=self.issuer,
            format=self.format,
            name_id=self.name_id or f"id-of-{self.email}",
            confirmation=self._confirmation(now),
            begins=_instant(now + self.begins),
            ends=_instant(now + self.ends),
            audience="" if audience is None else limits,
            email=self.email,
        )

    def _confirmation(self, now: datetime) -> str:
        recipient = self.recipient if self.recipient != "" else config.acs_url(self.connection.id)
        parts = {
            "Recipient": recipient,
            "InResponseTo": self.request_id,
            "NotOnOrAfter": _instant(now + self.confirmation_ends) if self.confirmation_ends else None,
        }
        return " ".join(f'{name}="{value}"' for name, value in parts.items() if value is not None)

    def response(self, assertion: str) -> str:
        answers = self.answers if self.answers != "" else self.request_id
        return RESPONSE.format(
            id="_" + secrets.token_hex(16),
            now=_instant(datetime.now(UTC)),
            destination=self.destination or config.acs_url(self.connection.id),
            answers=f'InResponseTo="{answers}"' if answers else "",
            issuer=self.issuer,
            assertion=assertion,
        )


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def sign(xml: str, key: str = KEY, certificate: str = CERTIFICATE, **methods: Any) -> str:
    signed: bytes = Utils.add_sign(
        xml,
        key,
        certificate,
        sign_algorithm=methods.get("sign", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
        digest_algorithm=methods.get("digest", "http://www.w3.org/2001/04/xmlenc#sha256"),
    )
    return signed.decode()


def encoded(xml: str | bytes) -> str:
    return base64.b64encode(xml.encode() if isinstance(xml, str) else xml).decode()


def good(wanted: Wanted, **options: Any) -> str:
    """A response whose assertion is signed, as it is sent."""
    return encoded(wanted.response(sign(wanted.assertion(), **options)))


def request_id_of(location: str) -> str:
    """Of the request that our redirect carries."""
    request = parse_qs(urlsplit(location).query)["SAMLRequest"][0]
    found: str = etree.fromstring(Utils.decode_base64_and_inflate(request)).get("ID")
    return found


# Signature wrapping: the signed assertion stays whole somewhere, and another one stands where it is read.


def wrapped(wanted: Wanted, evil: Wanted, how: str) -> str:
    root = etree.fromstring(wanted.response(sign(wanted.assertion())).encode())
    real = root.find("saml:Assertion", NS)
    assert real is not None
    forged = etree.fromstring(evil.assertion().encode())
    index = list(root).index(real)
    if how == "beside":
        root.insert(index, forged)
    elif how == "within":
        root.replace(real, forged)
        forged.append(real)
    elif how == "same id":
        forged.set("ID", real.get("ID"))
        root.insert(index, forged)
    elif how == "in an extension":
        root.replace(real, forged)
        extensions = etree.SubElement(root, f"{{{NS['samlp']}}}Extensions")
        root.insert(1, extensions)
        extensions.append(real)
    elif how == "in an object":
        signature = copy.deepcopy(real.find("ds:Signature", NS))
        root.replace(real, forged)
        forged.insert(1, signature)
        holder = etree.SubElement(signature, f"{{{NS['ds']}}}Object")
        holder.append(real)
    elif how == "signature moved":
        signature = real.find("ds:Signature", NS)
        root.replace(real, forged)
        forged.insert(1, copy.deepcopy(signature))
        signature.getparent().remove(signature)
        forged.find("saml:Subject", NS).append(real)
    else:
        raise ValueError(how)
    return encoded(etree.tostring(root))


WRAPPINGS = ["beside", "within", "same id", "in an extension", "in an object", "signature moved"]
HOLDING = {"beside", "within", "in an extension", "signature moved"}


def verifies(xml: bytes) -> bool:
    """Whether some signature in it holds, as a careless reader would ask."""
    root = etree.fromstring(xml)
    xmlsec.tree.add_ids(root, ["ID"])
    node = root.find(".//ds:Signature", NS)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(CERTIFICATE.encode(), xmlsec.KeyFormat.CERT_PEM)
    try:
        context.verify(node)
    except xmlsec.Error:
        return False
    return True
