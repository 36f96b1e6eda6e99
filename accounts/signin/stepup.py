"""Before what cannot be undone, a person proves again that it is them: password, second factor or passkey."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlencode

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows import login, reauthentication
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from tenants.scope import WorkspaceRef

View = TypeVar("View", bound=Callable[..., Any])


def recently_proven(request: HttpRequest) -> bool:
    """Whether that was within ACCOUNT_REAUTHENTICATION_TIMEOUT (seconds), in this session.

    Who has nothing to prove it with (signs in at another service or by mail only) proves it by a fresh sign-in.
    """
    user = request.user
    if not user.is_authenticated:
        return False
    if reauthentication.get_reauthentication_flows(user):
        return reauthentication.did_recently_reauthenticate(request)
    records = login.get_authentication_records(request, user)
    return bool(records) and time.time() - records[-1]["at"] < app_settings.REAUTHENTICATION_TIMEOUT


def ask(request: HttpRequest) -> HttpResponse:
    """Leads to where it is proven and back to this page. On a person's own pages allauth sends a POST again.

    SECURITY: never on a workspace's: the view would run without the middleware that says who may.
    """
    if getattr(request, "urlconf", None) == "config.domain_urls":
        workspace: WorkspaceRef = request.workspace  # type: ignore[attr-defined]
        return redirect(f"{settings.BASE_URL}/w/{workspace.slug}{request.get_full_path()}")
    methods = get_adapter().get_reauthentication_methods(request.user)
    if methods and not getattr(request, "names_workspace", False):
        raise ReauthenticationRequired()
    if methods:
        return redirect(f"{methods[0]['url']}?{urlencode({'next': request.get_full_path()})}")
    messages.info(request, "Sign out and in again: this step needs a sign-in of the last minutes.")
    back = f"{reverse('account_login')}?{urlencode({'next': request.get_full_path()})}"
    return redirect(f"{reverse('account_logout')}?{urlencode({'next': back})}")


def proven_recently(view: View) -> View:
    """For pages of somebody signed in, outside and inside workspaces. Keeps the view's marks, its permission too."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), reverse("account_login"))
        return view(request, *args, **kwargs) if recently_proven(request) else ask(request)

    return wrapper  # type: ignore[return-value]
