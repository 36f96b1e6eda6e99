"""The door within the process: the SDK's own HTTP client setting leads here instead of to the network."""

import io
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import stripe

from billing.simulator.core import Core
from billing.simulator.core.errors import Refused
from billing.simulator.core.params import decode
from billing.simulator.delivery import waking
from billing.simulator.store import DatabaseStore, Store


@cache
def get_store() -> DatabaseStore:
    return DatabaseStore()


@cache
def get_core() -> Core:
    """The simulated account of this installation's database."""
    return Core(get_store(), on_events=waking.wake)


class InProcessClient(stripe.HTTPClient):
    """What the SDK (and dj-stripe, which uses its module-level calls) would send is answered by a `Core`."""

    name = "simulated"

    def __init__(self, store: Store | None = None) -> None:
        super().__init__()
        self._core = Core(store) if store is not None else None

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        core = self._core or get_core()
        parts = urlsplit(url)
        try:
            params = decode(post_data or parts.query)
        except Refused as refusal:
            return json.dumps(refusal.body()), refusal.status, {}
        answer = core.request(method, parts.path, params, headers)
        return json.dumps(answer.body), answer.status, answer.headers

    def request_stream(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        text, status, answered = self.request(method, url, headers, post_data)
        return io.BytesIO(text.encode()), status, answered

    def close(self) -> None:
        """Nothing is held open here."""
