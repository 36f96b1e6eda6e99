"""The three steps of signing in on an own domain: away from it, on the main host, and back."""

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from accounts.handoff import services, sessions
from accounts.requests import LocatedRequest
from tenants.scope import WorkspaceRef

COOKIE_SECONDS = 900
AFTER_FORM = "&after=form"


def cookie_name() -> str:
    return "__Host-handoff" if settings.HTTPS else "handoff"


def leave(request: LocatedRequest) -> HttpResponse:
    """On the own domain, for who is not signed in there: marks the browser and sends it to the main host."""
    kept = request.COOKIES.get(cookie_name(), "")
    # A second tab must not spoil the first one's way back.
    nonce = kept if services.NONCE.fullmatch(kept) else services.fresh_nonce()
    path = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
    asked = services.Asked(request.host, "", path)
    response = redirect(services.address_on_main_host(asked, nonce=nonce))
    response.set_cookie(
        cookie_name(), nonce, max_age=COOKIE_SECONDS, secure=settings.HTTPS, httponly=True, samesite="Lax"
    )
    response["Cache-Control"] = "no-store"
    return response


@require_GET
@never_cache
def give(request: LocatedRequest) -> HttpResponse:
    """On the main host: signs in if need be, and sends back with a code."""
    query = request.GET
    asked, workspace = services.read_wish(
        query.get("host", ""), query.get("browser", ""), query.get("next", "")
    )
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path() + AFTER_FORM, settings.LOGIN_URL)
    address = services.give_code(
        user=request.user,
        session_key=request.session.session_key or "",
        asked=asked,
        workspace=workspace,
    )
    if "after" in query:
        # Browsers hold a redirect that follows a form against `form-action`; a page in between is no such redirect.
        return render(request, "handoff/continue.html", {"address": address, "host": asked.host})
    return redirect(address)


@require_GET
@never_cache
def come_back(request: LocatedRequest) -> HttpResponse:
    """On the own domain: exchanges the code for a session of its own."""
    # SECURITY: a session of its own, whatever cookie the browser brought.
    session = type(request.session)()
    path = services.redeem(
        code=request.GET.get("code", ""),
        nonce=request.COOKIES.get(cookie_name(), ""),
        host=request.host,
        workspace=_served(request),
        session=session,
    )
    request.session = session
    rotate_token(request)
    response = redirect(path)
    response.delete_cookie(cookie_name(), samesite="Lax")
    return response


@require_POST
def sign_out(request: LocatedRequest) -> HttpResponse:
    binding = sessions.binding_of(request.session)
    if request.user.is_authenticated and binding is not None:
        services.sign_out(user=request.user, binding=binding)
        request.session.flush()
    return redirect("signed-out")


@require_GET
@never_cache
def signed_out(request: HttpRequest) -> HttpResponse:
    return render(request, "handoff/signed_out.html")


def _served(request: LocatedRequest) -> WorkspaceRef:
    if request.served_workspace is None:
        raise services.HandoffRefused()
    return request.served_workspace
