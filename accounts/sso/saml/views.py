"""Out to a SAML provider and back. A response comes without our cookies (SameSite), so it is kept for one redirect."""

from typing import Any
from uuid import UUID

from allauth.account.internal.decorators import login_not_required
from allauth.core.internal import httpkit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.providers.saml.views import acs as keep_response
from allauth.socialaccount.sessions import LoginSession
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from django_ratelimit.core import is_ratelimited
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from accounts.sso import rounds
from accounts.sso.adapter import app_of
from accounts.sso.assertion import AssertionRefused
from accounts.sso.models import Connection
from accounts.sso.saml import assertions, config
from config import errors

RATE = "60/m"


class TooManyResponses(errors.DomainError):
    code = "too_many_tries"
    status = 429
    message = "Too many sign-ins came from your network. Please wait a minute."


@login_not_required
@require_safe
def login(request: HttpRequest, organization_slug: UUID) -> HttpResponse:
    return rounds.begin(request, rounds.access(organization_slug, kind="saml"))


@csrf_exempt
@login_not_required
@require_POST
def acs(request: HttpRequest, organization_slug: UUID) -> HttpResponse:
    """Raises AssertionRefused for what could be no response, before anything is kept."""
    rounds.access(organization_slug, kind="saml")
    if is_ratelimited(request, group="sso-acs", key="ip", rate=RATE, increment=True):
        raise TooManyResponses(data={"retry_after_s": 60})
    response = request.POST.get("SAMLResponse", "")
    if not response or len(response) > assertions.MOST_CHARACTERS:
        raise AssertionRefused("unreadable")
    kept: HttpResponse = keep_response(request, organization_slug=str(organization_slug))
    return kept


@login_not_required
@require_safe
def finish_acs(request: HttpRequest, organization_slug: UUID) -> HttpResponse:
    connection = rounds.access(organization_slug, kind="saml")
    provider = app_of(connection).get_provider(request)
    try:
        text = _kept_response(request)
        login = _verified(request, connection, provider, text)
    except AssertionRefused as refused:
        get_adapter().on_authentication_error(request, provider, exception=refused)
        raise
    response: HttpResponse = complete_social_login(request, login)
    return response


@login_not_required
@require_safe
def metadata(request: HttpRequest, organization_slug: UUID) -> HttpResponse:
    """Ours, for the provider to read."""
    connection = rounds.access(organization_slug, kind="saml")
    toolkit = OneLogin_Saml2_Settings(config.toolkit(connection), sp_validation_only=True)
    return HttpResponse(toolkit.get_sp_metadata(), content_type="application/samlmetadata+xml")


def _kept_response(request: HttpRequest) -> str:
    """Once: then it is forgotten."""
    session = LoginSession(request, "saml_acs_session", "saml-acs-session")
    kept = session.store.get("request")
    session.delete()
    if not kept:
        raise AssertionRefused("unasked")
    return str(httpkit.deserialize_request(kept, HttpRequest()).POST.get("SAMLResponse", ""))


def _verified(request: HttpRequest, connection: Connection, provider: Any, text: str) -> Any:
    """Raises AssertionRefused: also for a response that this browser did not ask for, unless the owner allows that."""
    response = assertions.read(connection, text)
    request_id = response.get_in_response_to()
    state: dict[str, Any] | None = {"process": "login"}
    if request_id is not None:
        state = statekit.unstash_state(request, state_id=request_id, provider_id=provider.sub_id)
    elif not connection.settings.get("idp_initiated"):
        state = None
    if state is None:
        raise AssertionRefused(
            "unasked", "This sign-in was not begun here. Please begin it on our sign-in page."
        )
    assertion = assertions.verify(connection, response, request_id=request_id)
    login = provider.sociallogin_from_response(request, assertion)
    login.state = state
    return login
