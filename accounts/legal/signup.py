"""Signing up accepts what the form said; allauth tells of a sign-up by its own signal."""

from typing import Any

from allauth.account.signals import user_signed_up

from accounts.adapter import client_address
from accounts.legal import documents, services

FIELD = "accepts"


def connect() -> None:
    user_signed_up.connect(_on_signed_up, dispatch_uid="accounts.legal.signup")


def shown() -> str:
    """For the form: which versions it speaks of."""
    return ",".join(f"{slug}={version}" for slug, version in documents.current().items())


def _on_signed_up(sender: object, request: Any, user: Any, **_: Any) -> None:
    """Who came without the form (by another service, by single sign-on) or saw an older version is asked later."""
    said = request.POST.get(FIELD, "") if request is not None else ""
    if said == shown():
        services.accept(user_id=user.pk, versions=documents.current(), address=client_address(request))
