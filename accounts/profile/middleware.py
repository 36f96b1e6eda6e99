"""Times on a person's own pages are in their timezone. Pages of a workspace say theirs in the workspace's."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone

from accounts.requests import LocatedRequest
from tenants.settings.values import ZONES


class TimezoneMiddleware:
    def __init__(self, get_response: Callable[[LocatedRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: LocatedRequest) -> HttpResponse:
        zone = _zone(request)
        with timezone.override(ZoneInfo(zone) if zone in ZONES else None):
            return self.get_response(request)


def _zone(request: LocatedRequest) -> str:
    """Empty where nobody is signed in: without a session's cookie nothing is read."""
    is_own = request.path.startswith(("/me/", "/accounts/"))
    if not is_own or settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
        return ""
    return request.user.timezone
