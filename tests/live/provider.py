"""The simulated provider's own books: what was asked of it, and what it produced."""

from typing import Any

import httpx2

from config.local.stack import Stack
from tests.patience import PATIENCE_S


class Provider:
    def __init__(self, stack: Stack) -> None:
        self.http = httpx2.Client(base_url=stack.environment["SIMULATOR_URL"], timeout=PATIENCE_S)

    def requests(self, key: str) -> list[dict[str, Any]]:
        """In order of arrival; `key` is that of a directive."""
        answer = self.http.get("/_sim/requests", params={"key": key})
        found: list[dict[str, Any]] = answer.json()["requests"]
        return found

    def open_requests(self) -> int:
        return int(self.http.get("/_sim/health").json()["open"])


def overlaps(requests: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Pairs of requests that were under way at the same time."""
    pairs = []
    for number, former in enumerate(requests):
        for later in requests[number + 1 :]:
            if former["ended_at"] is None or later["started_at"] < former["ended_at"]:
                pairs.append((former["client_request_id"], later["client_request_id"]))
    return pairs
