"""allauth's SAML provider, with requests and checks of our own."""

from typing import Any

from allauth.socialaccount.providers.saml.provider import SAMLProvider
from django.http import HttpRequest, HttpResponseRedirect
from onelogin.saml2.auth import OneLogin_Saml2_Auth

from accounts.sso.provider import AssertionProvider
from accounts.sso.saml import config


class WorkspaceSAML(AssertionProvider, SAMLProvider):
    def redirect(
        self, request: HttpRequest, process: str, next_url: Any = None, data: Any = None, **kwargs: Any
    ) -> HttpResponseRedirect:
        connection = self.app.connection
        auth = OneLogin_Saml2_Auth(config.request_data(connection), config.toolkit(connection))
        # Without a RelayState: what comes back is found by the request that it answers.
        url = auth.login(return_to="")
        self.stash_redirect_state(request, process, next_url, data, state_id=auth.get_last_request_id())
        return HttpResponseRedirect(url)
