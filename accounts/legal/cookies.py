"""What may be kept in a browser: always what pages need to work, and more only after a choice.

The choice is a first-party cookie, `<version of the question>:<purposes>`. A new purpose is a new question.
"""

from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

NAME = "cookie_choice"
QUESTION = "1"
KEPT_S = 180 * 86_400
PURPOSES = {"analytics": "Counting visits, so that we see which pages help."}
"""Optional ones. Nothing in this product uses them today; a page asks `allows` before it does."""


def is_made(request: HttpRequest) -> bool:
    return _chosen(request) is not None


def allows(request: HttpRequest, purpose: str) -> bool:
    """False before a choice. Raises KeyError for a purpose that nobody was asked about."""
    PURPOSES[purpose]
    return purpose in (_chosen(request) or ())


def _chosen(request: HttpRequest) -> frozenset[str] | None:
    question, _, purposes = request.COOKIES.get(NAME, "").partition(":")
    if question != QUESTION:
        return None
    return frozenset(purposes.split(".")) & PURPOSES.keys()


def keep(response: HttpResponse, purposes: Iterable[str]) -> None:
    """Readable by scripts, which must ask too (static/js/consent.js)."""
    value = f"{QUESTION}:{'.'.join(sorted(set(purposes) & PURPOSES.keys()))}"
    response.set_cookie(NAME, value, max_age=KEPT_S, secure=settings.HTTPS, httponly=False, samesite="Lax")
