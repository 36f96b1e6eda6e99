"""The service's clock: where it stands, moved on, and what happened. For staff; open to all on a demo."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from billing.simulator.delivery import waking
from billing.simulator.hosted import showing, timekeeping
from billing.simulator.hosted.showing import SeeOther


def for_staff(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """SECURITY: moving the clock ends trials and renews plans of every workspace."""

    @showing.hosted
    @wraps(view)
    def guarded(request: HttpRequest, **more: Any) -> HttpResponse:
        is_staff = request.user.is_authenticated and request.user.is_staff
        if not (settings.DEMO or is_staff):
            return showing.missing(request)
        return view(request, **more)

    return guarded


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def clock(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        _carry_out(request, request.POST.get("move", ""))
        return SeeOther(reverse("simulated-clock"))
    state = timekeeping.read()
    context = {
        "now": state.now,
        "ahead": _ahead(state.now, state.real_now),
        "renewal": state.renewal,
        "moves": timekeeping.MOVES,
        "events": state.events,
        "waiting": state.waiting,
    }
    return showing.page(request, "clock.html", context)


def _carry_out(request: HttpRequest, move: str) -> None:
    if move == "deliver":
        timekeeping.deliver_again()
        waking.wake()
        messages.success(request, "The events that wait are sent again.")
    elif timekeeping.move_on(move):
        messages.success(request, "The clock was moved on.")
    else:
        messages.error(request, "There is no renewal to move to.")


def _ahead(now: datetime, real_now: datetime) -> str:
    """`3 days`, `5 hours`; nothing when it goes with the real time."""
    ahead = now - real_now
    if ahead < timedelta(minutes=1):
        return ""
    for unit, seconds in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count = int(ahead.total_seconds()) // seconds
        if count:
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return ""
