"""When a call is sent again, and how long is waited before it. The same request, so that its Idempotency-Key stays."""

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

TRIES = 4
FIRST_WAIT_S, MOST_WAIT_S = 0.5, 8.0
MOST_ASKED_S = 60.0
"""A server that asks for more is not waited for: its refusal is told."""
MOST_RUNNING_S = 600.0
"""How long the answer to an earlier try is waited for, while the server says that it is being made."""
IN_PROGRESS = "idempotency_in_progress"


class Tries:
    """Of one call."""

    def __init__(self) -> None:
        self._failed = 0
        self._running_until = time.monotonic() + MOST_RUNNING_S

    def again_after(self, answer: httpx.Response | None) -> float | None:
        """Of an error answer, or none at all: how many seconds to wait before the next try. None: it was the last."""
        asked_s = 0.0 if answer is None else _asked_s(answer)
        if answer is not None and _is_running(answer):
            return asked_s or FIRST_WAIT_S if time.monotonic() < self._running_until else None
        self._failed += 1
        if self._failed >= TRIES or asked_s > MOST_ASKED_S or not (answer is None or _may_pass(answer)):
            return None
        usual_s = min(MOST_WAIT_S, FIRST_WAIT_S * 2 ** (self._failed - 1))
        return max(asked_s, usual_s * random.uniform(0.75, 1))  # noqa: S311  no secret


def _is_running(answer: httpx.Response) -> bool:
    """A try whose answer we lost is still being answered."""
    return answer.status_code == 409 and f'"{IN_PROGRESS}"' in answer.text


def _may_pass(answer: httpx.Response) -> bool:
    """What the server says of it, else by its status. The answer to an earlier try stays what it is."""
    said = answer.headers.get("x-should-retry", "").lower()
    if said in ("true", "false"):
        return bool(said == "true")
    is_first = "idempotent-replayed" not in answer.headers
    return is_first and (answer.status_code == 429 or answer.status_code >= 500)


def _asked_s(answer: httpx.Response) -> float:
    """`Retry-After`, in seconds or as a date; 0 without one."""
    wanted = answer.headers.get("retry-after", "").strip()
    if wanted.isascii() and wanted.isdigit():
        return float(wanted)
    try:
        until = parsedate_to_datetime(wanted)
    except ValueError:
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
