"""What a proxy asks before it has a certificate made."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_ratelimit.core import is_ratelimited

from config import errors
from tenants.domains import queries

RATE = "120/m"


@require_safe
@never_cache
def allowed(request: HttpRequest) -> HttpResponse:
    """`?domain=`: 200 when a page is served under this name, else 404. Raises DomainError (429) for who asks too often.

    It tells what a visit would tell. A proxy on this machine may ask as often as it likes.
    """
    if not _is_local(request) and is_ratelimited(
        request, group="domains", key="ip", rate=RATE, increment=True
    ):
        message = "Too many questions came from your network. Please try again in a minute."
        raise errors.DomainError(message, code="too_many", status=429, data={"retry_after_s": 60})
    host = request.GET.get("domain", "").lower()
    if host and (host in settings.MAIN_HOSTS or queries.get_served(host)):
        return JsonResponse({"domain": host})
    raise errors.NotFound()


def _is_local(request: HttpRequest) -> bool:
    """Directly from this machine: what a proxy hands on carries the client's address."""
    if "HTTP_X_FORWARDED_FOR" in request.META:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
