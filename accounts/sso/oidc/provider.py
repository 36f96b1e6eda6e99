"""allauth's OpenID Connect provider, made strict: code flow with PKCE, state and nonce, against one exact issuer."""

from typing import Any

from allauth.socialaccount.models import SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import get_random_string

from accounts.sso.assertion import AssertionRefused
from accounts.sso.oidc import tokens
from accounts.sso.outbound import CallRefused, GuardedSession, check_address
from accounts.sso.provider import AssertionProvider

WELL_KNOWN = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class TokenRefused(AssertionRefused, OAuth2Error):
    """As allauth expects failures within its flow."""


def redirect_uri(connection_id: object) -> str:
    """SECURITY: from configuration, never from the Host header."""
    return settings.BASE_URL + reverse("openid_connect_callback", kwargs={"provider_id": str(connection_id)})


def discover(issuer: str) -> dict[str, Any]:
    """What the issuer says of itself. Raises CallFailed, or AssertionRefused for another's word."""
    with GuardedSession() as session:
        response = session.get(issuer.rstrip("/") + WELL_KNOWN)
        response.raise_for_status()
        found = response.json()
    # SECURITY: compared whole, so that no provider speaks for another.
    if not isinstance(found, dict) or found.get("issuer") != issuer:
        raise TokenRefused("issuer", "The provider’s own description names another issuer.")
    for name in ENDPOINTS:
        if not isinstance(found.get(name), str):
            raise TokenRefused("discovery", "The provider’s own description is not complete.")
        check_address(found[name])
    return found


class WorkspaceOIDCAdapter(OpenIDConnectOAuth2Adapter):
    nonce = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        if not hasattr(self, "_openid_config"):
            self._openid_config = discover(self.get_provider().app.connection.issuer)
        return self._openid_config

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return redirect_uri(app.provider_id)

    def parse_token(self, data: Any) -> SocialToken:
        return SocialToken(token=str(data["access_token"]))

    def complete_login(self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any) -> Any:
        issuer = app.connection.issuer
        try:
            claims = tokens.verify(
                str(kwargs["response"].get("id_token", "")),
                keys=self._fetched(self.openid_config["jwks_uri"]),
                issuer=issuer,
                client_id=app.client_id,
                nonce=self.nonce,
            )
            if "email" not in claims and "userinfo_endpoint" in self.openid_config:
                claims = self._with_userinfo(claims, token)
            assertion = tokens.assertion_of(claims, issuer=issuer)
        except AssertionRefused as error:
            raise TokenRefused(error.reason, error.message) from error
        return self.get_provider().sociallogin_from_response(request, assertion)

    def _with_userinfo(self, claims: dict[str, Any], token: SocialToken) -> dict[str, Any]:
        said = self._fetched(self.openid_config["userinfo_endpoint"], Authorization=f"Bearer {token.token}")
        # SECURITY: an answer about somebody else must not lend them its address.
        if said.get("sub") != claims["sub"]:
            raise AssertionRefused("subject")
        return {**said, **claims}

    def _fetched(self, url: str, **headers: str) -> dict[str, Any]:
        with GuardedSession() as session:
            response = session.get(url, headers=headers)
            response.raise_for_status()
            found = response.json()
        if not isinstance(found, dict):
            raise CallRefused("not a JSON object")
        return found


class WorkspaceOIDC(AssertionProvider, OpenIDConnectProvider):
    oauth2_adapter_class = WorkspaceOIDCAdapter
    supports_token_authentication = False

    def redirect(
        self, request: HttpRequest, process: str, next_url: Any = None, data: Any = None, **kwargs: Any
    ) -> Any:
        nonce = get_random_string(32)
        return super().redirect(request, process, next_url, data, auth_params={"nonce": nonce}, nonce=nonce)
