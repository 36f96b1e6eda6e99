from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from accounts.adapter import client_address
from accounts.legal import cookies, documents, services
from accounts.requests import LocatedRequest


@require_safe
def legal(request: HttpRequest, page: str) -> HttpResponse:
    """Raises NotFound."""
    context = {"document": documents.get(page), "documents": documents.list_all()}
    return render(request, "legal/document.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def consent(request: LocatedRequest) -> HttpResponse:
    """What changed, and accepting it."""
    missing = documents.list_missing(request.user.accepted)
    if request.method == "POST":
        versions = {slug: request.POST.get(slug, "") for slug in documents.MUST_ACCEPT}
        services.accept(user_id=request.user.pk, versions=versions, address=client_address(request))
    if request.method == "POST" or not missing:
        return redirect(_next(request))
    context = {"missing": missing, "versions": documents.current(), "next": _next(request)}
    return render(request, "legal/consent.html", {**context, "is_new": not request.user.accepted})


@require_http_methods(["GET", "HEAD", "POST"])
def cookie_choice(request: HttpRequest) -> HttpResponse:
    """Makes or changes the choice. Works for visitors."""
    if request.method == "POST":
        response = redirect(_next(request))
        cookies.keep(response, cookies.PURPOSES if request.POST.get("choice") == "all" else ())
        return response
    allowed = [purpose for purpose in cookies.PURPOSES if cookies.allows(request, purpose)]
    context = {"is_made": cookies.is_made(request), "allowed": allowed, "purposes": cookies.PURPOSES}
    return render(request, "legal/cookie_choice.html", context)


def _next(request: HttpRequest) -> str:
    """SECURITY: only to a page of this host."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    own = {request.get_host()}
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(
        wanted, own, require_https=request.is_secure()
    ):
        return wanted
    return reverse("home")
