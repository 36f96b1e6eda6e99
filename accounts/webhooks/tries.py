"""How often a webhook may be tested: a test is sent at once, before what waits."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from config import braking, errors

MOST, WINDOW_S = 10, 60


class TooManyTests(errors.DomainError):
    """`data`: limit, used, window_s, retry_after_s, resets_at."""

    code = "too_many_webhook_tests"
    status = 429


def count(request: HttpRequest | Request, *, workspace_id: UUID, endpoint_id: UUID) -> None:
    """Of one webhook, on pages and by the API together. Raises TooManyTests."""
    wait_s = braking.wait_s(
        request, group="webhook-test", whose=f"{workspace_id}:{endpoint_id}", rate=f"{MOST}/{WINDOW_S}s"
    )
    if not wait_s:
        return
    raise TooManyTests(
        f"A webhook is tested {MOST} times a minute at most. Try again in {wait_s}"
        f" second{'' if wait_s == 1 else 's'}; the log shows how the last tests were answered.",
        data={
            "limit": MOST,
            "used": MOST,
            "window_s": WINDOW_S,
            "retry_after_s": wait_s,
            "resets_at": (timezone.now() + timedelta(seconds=wait_s)).isoformat(),
        },
    )
