"""ID tokens: signature, issuer, audience, times and nonce (OpenID Connect Core 3.1.3.7)."""

from collections.abc import Mapping
from typing import Any

import jwt

from accounts.sso.assertion import Assertion, AssertionRefused

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""SECURITY: signatures by a private key only. `none`, and HMAC under what is public, are no proof."""
LEEWAY_S = 60
GOOGLE = "https://accounts.google.com"


def verify(token: str, *, keys: Mapping[str, Any], issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims. Raises AssertionRefused."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key=_key(token, keys),
            algorithms=ALGORITHMS,
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY_S,
            options={"require": ["iss", "sub", "aud", "exp", "iat"], "strict_aud": False},
        )
    except jwt.InvalidIssuerError as error:
        raise AssertionRefused("issuer") from error
    except jwt.InvalidAudienceError as error:
        raise AssertionRefused("audience") from error
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        raise AssertionRefused("expired") from error
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise AssertionRefused("signature") from error
    if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
        raise AssertionRefused("audience")
    if claims.get("azp", client_id) != client_id:
        raise AssertionRefused("audience")
    if not nonce or claims.get("nonce") != nonce:
        raise AssertionRefused("nonce")
    return claims


def assertion_of(claims: Mapping[str, Any], *, issuer: str) -> Assertion:
    """Raises AssertionRefused for claims without an address, or with one that the provider does not vouch for."""
    subject, email = claims.get("sub"), claims.get("email")
    if not isinstance(subject, str) or not subject:
        raise AssertionRefused("subject")
    if not isinstance(email, str) or not email:
        raise AssertionRefused("address", "Your identity provider sent no e-mail address.")
    # Providers of one organisation leave the claim out; one that says no means it.
    if claims.get("email_verified", True) not in (True, "true"):
        raise AssertionRefused("address", "Your identity provider has not verified your e-mail address.")
    # SECURITY: Google vouches for addresses of anybody's domain; `hd` says which organisation manages the account.
    if issuer == GOOGLE and claims.get("hd", "").lower() != email.rsplit("@", 1)[-1].lower():
        raise AssertionRefused("address", "This Google account is not managed by your organisation.")
    name = claims.get("name")
    return Assertion(issuer=issuer, subject=subject, email=email, name=name if isinstance(name, str) else "")


def _key(token: str, keys: Mapping[str, Any]) -> Any:
    """Of the provider's keys, the one that the token names; the only one when it names none."""
    named = jwt.get_unverified_header(token).get("kid")
    usable = [key for key in jwt.PyJWKSet.from_dict(dict(keys)).keys if key.public_key_use in (None, "sig")]
    found = [key for key in usable if key.key_id == named] if named else usable
    if len(found) != 1:
        raise AssertionRefused("signature")
    return found[0].key
