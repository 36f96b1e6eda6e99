"""allauth's hooks for other services that sign people in. Each connection of a workspace is an app of allauth's, made
from its row when it is asked for: no secret lies open, and no second table disagrees."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialApp
from django.http import HttpRequest
from django.shortcuts import redirect

from accounts.signin.social import SocialAdapter
from accounts.sso import arrivals, queries, sealing
from accounts.sso.assertion import Assertion, AssertionRefused
from accounts.sso.models import Connection
from accounts.sso.outbound import CallFailed, GuardedSession
from config import errors

PROVIDERS = {Connection.Kind.SAML: "saml", Connection.Kind.OIDC: "openid_connect"}
TEST = "sso_test"


def app_of(connection: Connection) -> SocialApp:
    """Not stored. Raises SecretUnreadable."""
    sealed = connection.sealed_secret
    is_oidc = connection.kind == Connection.Kind.OIDC
    app = SocialApp(
        provider=PROVIDERS[Connection.Kind(connection.kind)],
        provider_id=str(connection.id),
        name=f"Single sign-on of {connection.workspace.name}"[:40],
        client_id=connection.settings["client_id"] if is_oidc else str(connection.id),
        secret=sealing.unseal(connection.id, bytes(sealed)) if sealed else "",
        settings={"server_url": connection.issuer, "oauth_pkce_enabled": True} if is_oidc else {},
    )
    app.connection = connection
    return app


class SocialAccountAdapter(SocialAdapter):
    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """A connection is found by its id only, so that no list of buttons names whose workspaces use which."""
        named = client_id if provider == PROVIDERS[Connection.Kind.SAML] else provider
        connection = queries.find_connection(named) if named else None
        if connection is not None:
            return [app_of(connection)]
        found: list[SocialApp] = super().list_apps(request, provider=provider, client_id=client_id)
        return found

    def get_requests_session(self) -> GuardedSession:
        return GuardedSession()

    def can_authenticate_by_email(self, login: Any, email: str) -> bool:
        # SECURITY: who an assertion speaks of is decided by `arrivals`, by proven domains.
        return not _connection_of(login.provider) and super().can_authenticate_by_email(login, email)

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Raises ArrivalRefused, AssertionRefused, and what refuses a seat."""
        connection = _connection_of(sociallogin.provider)
        if connection is None:
            super().pre_social_login(request, sociallogin)
            return
        assertion = getattr(sociallogin, "assertion", None)
        # SECURITY: `connect` would give the assertion's identity to whoever is signed in.
        if not isinstance(assertion, Assertion) or sociallogin.state.get("process") != "login":
            raise AssertionRefused("process")
        try:
            _come_in(request, sociallogin, connection, assertion)
        except errors.DomainError as error:
            arrivals.note_refusal(connection_id=connection.id, reason=error.code)
            raise

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Any = None,
        extra_context: Any = None,
    ) -> None:
        """Every failure before that. Raises AssertionRefused for a connection's."""
        connection = _connection_of(provider)
        if connection is None:
            super().on_authentication_error(request, provider, error, exception, extra_context)
            return
        refused = exception if isinstance(exception, AssertionRefused) else None
        if isinstance(exception, CallFailed):
            refused = AssertionRefused("unreachable", "Your identity provider could not be reached.")
        if error == "cancelled":
            refused = AssertionRefused("cancelled", "Signing in was cancelled at your identity provider.")
        refused = refused or AssertionRefused("protocol")
        arrivals.note_refusal(connection_id=connection.id, reason=refused.reason)
        raise refused


def _come_in(request: HttpRequest, sociallogin: Any, connection: Connection, assertion: Assertion) -> None:
    test = (sociallogin.state.get("data") or {}).get(TEST)
    if not test:
        sociallogin.user = arrivals.arrive(connection_id=connection.id, assertion=assertion)
        return
    user = request.user
    if not user.is_authenticated or str(user.pk) != test["user_id"]:
        raise arrivals.WrongPerson()
    arrivals.finish_test(connection_id=connection.id, assertion=assertion, user_id=user.pk)
    # The session counts as signed in by it, so that enforcing does not shut out who enforces.
    record_authentication(
        request, user, "socialaccount", provider=str(connection.id), uid=sociallogin.account.uid
    )
    raise ImmediateHttpResponse(redirect(test["back"]))


def _connection_of(provider: Any) -> Connection | None:
    return getattr(getattr(provider, "app", None), "connection", None)
