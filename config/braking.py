"""How often something may be asked for: what a form or a call is refused with says when it may come again."""

from django.http import HttpRequest
from django_ratelimit.core import get_usage
from rest_framework.request import Request


def wait_s(request: HttpRequest | Request, *, group: str, whose: str, rate: str) -> int:
    """Counts this one, on pages and by the API together. Seconds until the next is let in; 0: this one is.

    `rate`: as django-ratelimit writes it, 10/m.
    """
    found = get_usage(request, group=group, key=lambda *_: whose, rate=rate, increment=True)
    return max(1, found["time_left"]) if found is not None and found["should_limit"] else 0
