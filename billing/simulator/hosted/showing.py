"""A page of the simulated service: its notice, never cached, never indexed, and no route for a form but to where it
leads in the end."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.views.decorators.debug import sensitive_post_parameters

View = Callable[..., HttpResponse]


def hosted(view: View) -> View:
    """SECURITY: whoever knows a session's name may use it, so its address stays here: no cache keeps the page, no
    referrer tells it, and what is typed about a card is never in a report of an error."""

    @sensitive_post_parameters("number", "expiry", "cvc", "use_card")
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **more: Any) -> HttpResponse:
        response = view(request, *args, **more)
        add_never_cache_headers(response)
        response["X-Robots-Tag"] = "noindex"
        return response

    return shown


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200, leads_to: str = ""
) -> HttpResponse:
    """`leads_to`: another origin that the page's form may end at; browsers hold redirects to the same policy."""
    common = {"notice": settings.PAYMENTS_NOTICE, "seller": settings.PRODUCT_NAME}
    response = render(request, f"simulator/{template}", common | context, status=status)
    origin = _origin(leads_to)
    if origin:
        response._csp_update = {"form-action": [origin]}  # type: ignore[attr-defined]  # django-csp reads it
    return response


def note(
    request: HttpRequest, title: str, text: str, *, status: int = 200, url: str = "", label: str = "Continue"
) -> HttpResponse:
    context = {"title": title, "text": text, "action_url": url, "action_label": label}
    return page(request, "note.html", context, status=status)


def missing(request: HttpRequest) -> HttpResponse:
    return note(request, "Nothing is here", "This link is not valid, or not any more.", status=404)


class SeeOther(HttpResponseRedirect):
    """Back to the product, so that nothing is sent again. Raises DisallowedRedirect for what is not http(s)."""

    status_code = 303


def _origin(url: str) -> str:
    """SECURITY: http(s) only; a link of another kind would run in this page."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""
