"""Pages for whoever comes to sign in: the way by e-mail address, the door of a workspace, the emergency entrance."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.utils import get_next_redirect_url
from allauth.account.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django_ratelimit.core import is_ratelimited

from accounts.sso import forms, passwords, queries, rounds
from accounts.sso.models import Connection
from config import errors

RATE = "30/m"


class TooManyLookups(errors.DomainError):
    code = "too_many_tries"
    status = 429
    message = "Too many tries came from your network. Please wait a minute."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """By the domain alone: nobody learns here who has an account. Raises TooManyLookups."""
    form = forms.StartForm(request.POST or None, initial={"email": request.GET.get("email", "")})
    next_url = get_next_redirect_url(request) or ""
    status = 200
    if request.method == "POST":
        if is_ratelimited(request, group="sso-start", key="ip", rate=RATE, increment=True):
            raise TooManyLookups(data={"retry_after_s": 60})
        status = 422
        if form.is_valid():
            connection = queries.connection_of_address(form.cleaned_data["email"])
            if connection is not None:
                return rounds.leave(request, _login_url(connection, next_url))
            form.add_error(
                None, "No single sign-on is set up for addresses of this domain. Sign in another way."
            )
    return render(request, "sso/start.html", {"form": form, "next": next_url}, status=status)


@never_cache
@require_safe
def door(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Where who must use a connection is led. Raises NotFound, also for one that is not in use."""
    connection = rounds.access(connection_id)
    if connection.state == Connection.State.DRAFT:
        raise errors.NotFound()
    is_member = request.user.is_authenticated and queries.is_member(
        user_id=request.user.pk, workspace_id=connection.workspace_id
    )
    next_url = get_next_redirect_url(request) or ""
    context = {
        "login_url": _login_url(connection, next_url),
        "next": next_url,
        # Strangers are not told whose it is.
        "workspace": connection.workspace if is_member else None,
    }
    return render(request, "sso/door.html", context)


def _login_url(connection: Connection, next_url: str) -> str:
    if connection.kind == Connection.Kind.OIDC:
        path = reverse("openid_connect_login", kwargs={"provider_id": str(connection.id)})
    else:
        path = reverse("saml_login", kwargs={"organization_slug": str(connection.id)})
    return f"{path}?{urlencode({'next': next_url})}" if next_url else path


@method_decorator(never_cache, name="dispatch")
class Emergency(LoginView):
    """Password and second factor of an owner while the provider fails."""

    form_class = passwords.EmergencyForm
    template_name = "sso/emergency.html"

    def get_form_class(self) -> Any:
        return passwords.EmergencyForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        setattr(request, passwords.EMERGENCY, True)
        if request.user.is_authenticated and queries.has_second_factor(request.user.pk):
            # Signed in already, without it: it is all that is missing.
            back = get_next_redirect_url(request) or reverse("home")
            return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': back})}")
        response: HttpResponse = super().dispatch(request, *args, **kwargs)
        return response
