"""Tells the audit log from where a request comes."""

import hashlib
from functools import partial

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from accounts import api_keys
from accounts.adapter import client_address
from config.middleware import Handler
from tenants import origins

MOST_OF_AN_AGENT = 300
SHORT = 8


def audit_origin(get_response: Handler) -> Handler:
    """Costs nothing until something is recorded."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with origins.from_where(partial(origin_of, request)):
            return get_response(request)

    return middleware


def origin_of(request: HttpRequest) -> origins.Origin:
    return origins.Origin(
        address=_address(request),
        agent=request.headers.get("User-Agent", "")[:MOST_OF_AN_AGENT],
        session=_session(request),
    )


def _address(request: HttpRequest) -> str:
    try:
        return client_address(request)
    except PermissionDenied:  # nobody says it: the entry is written all the same
        return ""


def _session(request: HttpRequest) -> str:
    key = getattr(request, "api_key", None)
    if key is not None:
        return f"{api_keys.head_of(key.environment)}{key.prefix}"
    session_key = getattr(getattr(request, "session", None), "session_key", None)
    return short_of(session_key) if session_key else ""


def short_of(session_key: str) -> str:
    """Tells sessions apart."""
    # SECURITY: never a part of the key itself, which is a password for as long as the session lasts.
    return hashlib.sha256(session_key.encode()).hexdigest()[:SHORT]
