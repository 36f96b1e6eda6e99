"""Out to an OpenID Connect provider and back."""

from typing import Any
from uuid import UUID

from allauth.account.internal.decorators import login_not_required
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts.sso import rounds
from accounts.sso.assertion import AssertionRefused
from accounts.sso.oidc.provider import WorkspaceOIDCAdapter
from accounts.sso.outbound import CallFailed


@login_not_required
@require_safe
def login(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    return rounds.begin(request, rounds.access(provider_id, kind="oidc"))


@login_not_required
@require_safe
def callback(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    rounds.access(provider_id, kind="oidc")
    adapter = WorkspaceOIDCAdapter(request, str(provider_id))
    response: HttpResponse = CallbackView.adapter_view(adapter)(request)
    return response


class CallbackView(OAuth2CallbackView):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        provider = self.adapter.get_provider()
        try:
            # RFC 9207: a provider that says who answers must be the one that was asked.
            if request.GET.get("iss", provider.app.connection.issuer) != self.adapter.openid_config["issuer"]:
                raise AssertionRefused("issuer")
        except (AssertionRefused, CallFailed) as error:
            get_adapter().on_authentication_error(request, provider, exception=error)
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        self.adapter.nonce = (state or {}).get("nonce", "")
        return state, response
