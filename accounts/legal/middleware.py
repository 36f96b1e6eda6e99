"""Asks again, once, after a legal page changed: until then a person reaches only what they need for leaving."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.legal import documents
from config import errors

# The API is not asked: programs cannot read. Staff's pages belong to the operator.
APART = ("/api/", "/v1/", "/admin/", "/static/", "/dev/", "/webhooks/", "/embed/")
ALLOWED = frozenset(
    {
        "legal", "consent", "cookies", "account_logout", "account_reauthenticate", "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn", "health", "ready", "avatar",
    }
)  # fmt: skip
ALLOWED_PREFIXES = ("privacy",)
"""Names of the pages by which somebody takes their data along or deletes the account."""


class ConsentRequired(errors.DomainError):
    code = "consent_required"
    status = 403
    message = "The terms were changed. Read and accept them first; what you wrote is below."


class ConsentMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """No query of its own: what a person accepted is read with them."""
        if _is_apart(request) or not request.user.is_authenticated:
            return None
        if not documents.list_missing(request.user.accepted):
            return None
        door = _door(request)
        if request.method in ("GET", "HEAD"):
            return _lead(request, door)
        data = {"action_url": door, "action_label": "Read and accept"}
        return errors.render(request, ConsentRequired(data=data))


def _is_apart(request: HttpRequest) -> bool:
    # Without a session cookie nobody is signed in, and nothing needs to be read.
    if request.path.startswith(APART) or settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return True
    name = (request.resolver_match.url_name if request.resolver_match else "") or ""
    return name in ALLOWED or name.startswith(ALLOWED_PREFIXES)


def _door(request: HttpRequest) -> str:
    path = reverse("consent", urlconf="config.urls")
    if getattr(request, "urlconf", None) == "config.domain_urls":
        return settings.BASE_URL + path
    return f"{path}?{urlencode({'next': request.get_full_path()})}" if request.method == "GET" else path


def _lead(request: HttpRequest, door: str) -> HttpResponse:
    if getattr(request, "htmx", False):
        # A fragment must not be filled with another page.
        return HttpResponse(headers={"HX-Redirect": door})
    return redirect(door)
