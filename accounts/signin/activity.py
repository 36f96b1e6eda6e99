"""When a session was last seen, to the minute: a busy session writes once a minute and process, not on each request."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from allauth.usersessions.models import UserSession
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

GRAIN_NS = 60_000_000_000
MOST = 50_000
_seen: OrderedDict[str, int] = OrderedDict()
_lock = Lock()


def note_activity(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """After sessions. Costs nothing where the session was not read; one UPDATE a minute where it was."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        session = request.session
        key = session.session_key if session.accessed and SESSION_KEY in session else None
        if key and is_due(key):
            # No row is made: it would be one of a session that was ended meanwhile.
            UserSession.objects.filter(session_key=key).update(last_seen_at=timezone.now())
        return response

    return middleware


def is_due(key: str) -> bool:
    """True once in GRAIN_NS for a session; noted by that."""
    now = time.monotonic_ns()
    with _lock:
        if now - _seen.get(key, now - GRAIN_NS) < GRAIN_NS:
            return False
        _seen[key] = now
        _seen.move_to_end(key)
        if len(_seen) > MOST:
            _seen.popitem(last=False)
    return True


def forget(key: str) -> None:
    with _lock:
        _seen.pop(key, None)
