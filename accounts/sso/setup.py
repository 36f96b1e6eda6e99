"""Asks an OpenID Connect provider who it is before its settings are kept. Never inside a transaction."""

from accounts.sso.assertion import AssertionRefused
from accounts.sso.oidc.provider import discover
from accounts.sso.outbound import CallFailed
from config import errors


class IssuerRefused(errors.DomainError):
    code = "sso_issuer_refused"
    status = 422
    message = (
        "No OpenID Connect provider answers there. Check the address; it must be reachable from the internet."
    )


def confirmed_issuer(text: str) -> str:
    """As the provider itself spells it: with or without a slash at the end. Raises IssuerRefused."""
    bare = text.rstrip("/")
    other = bare if text.endswith("/") else f"{bare}/"
    refusal = IssuerRefused()
    for issuer in (text, other):
        try:
            discover(issuer)
        except AssertionRefused as error:
            refusal = IssuerRefused(error.message)
        except CallFailed as error:
            raise IssuerRefused() from error
        else:
            return issuer
    raise refusal
