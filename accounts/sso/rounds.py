"""A round trip to an identity provider begins here."""

from typing import Any
from uuid import UUID

from allauth.account.utils import get_next_redirect_url
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.sso import queries
from accounts.sso.adapter import TEST, app_of
from accounts.sso.arrivals import NotReady
from accounts.sso.assertion import AssertionRefused
from accounts.sso.models import Connection
from accounts.sso.outbound import CallFailed
from config import errors


class ProviderUnreachable(errors.DomainError):
    code = "sso_provider_unreachable"
    status = 503
    message = "Your identity provider could not be reached. Please try again in a minute, or tell your administrator."


def access(connection_id: UUID, *, kind: str = "") -> Connection:
    """Raises NotFound."""
    connection = queries.find_connection(str(connection_id))
    if connection is None or kind not in ("", connection.kind):
        raise errors.NotFound()
    return connection


def begin(request: HttpRequest, connection: Connection) -> HttpResponse:
    """Leads to the provider; `next` says where the person goes afterwards. Raises NotReady, ProviderUnreachable."""
    if connection.state == Connection.State.DRAFT:
        raise NotReady()
    return _redirect(request, connection, next_url=get_next_redirect_url(request))


def begin_test(request: HttpRequest, connection: Connection, *, back: str) -> str:
    """Where an owner's browser goes to test. Raises ProviderUnreachable."""
    test = {TEST: {"user_id": str(request.user.pk), "back": back}}
    return str(_redirect(request, connection, data=test)["Location"])


def leave(request: HttpRequest, url: str) -> HttpResponse:
    """A page that goes on by itself: browsers hold a redirect after a form against the policy on forms."""
    return render(request, "sso/leave.html", {"url": url})


def _redirect(request: HttpRequest, connection: Connection, **options: Any) -> HttpResponse:
    provider = app_of(connection).get_provider(request)
    try:
        response: HttpResponse = provider.redirect(request, "login", **options)
    except (CallFailed, AssertionRefused) as error:
        raise ProviderUnreachable() from error
    return response
