"""The simulated payment service, behind its API: a method, a path and parameters in, a status and a body out."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from billing.simulator.core import clock, expansion, ids, routing
from billing.simulator.core.desk import API_VERSION, Desk
from billing.simulator.core.errors import Json, Refused
from billing.simulator.core.params import Params
from billing.simulator.store import Row, Store

KEY = re.compile(r"^Bearer (sk|rk)_test_\w{16,}$")


@dataclass(frozen=True)
class Response:
    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


class Core:
    """One simulated account. `request` is its API; the hosted pages' actions take it as their first argument."""

    def __init__(self, store: Store, *, on_events: Callable[[], None] | None = None) -> None:
        """`on_events` is called whenever events were left, when they are in the books."""
        self.store, self.on_events = store, on_events

    @contextmanager
    def desk(self, **request: str | None) -> Iterator[Desk]:
        """One transaction of the books at the service's present time."""
        with self.store.transaction() as books:
            desk = Desk(books, clock.read(books), **request)
            yield desk
        if desk.has_told and self.on_events:
            self.on_events()

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answers one request of the API; never raises for a refused one. `params` as `params.decode` gives them."""
        told = {name.lower(): value for name, value in (headers or {}).items()}
        request_id = ids.new("request", 14)
        key = told.get("idempotency-key") if method.upper() == "POST" else None
        try:
            _check_headers(told)
            status, body, replayed = self._answer(method.upper(), path, params or {}, request_id, key)
        except Refused as refusal:
            status, body, replayed = refusal.status, refusal.body(), False
        return Response(status, body, _headers(request_id, key, is_replayed=replayed, status=status))

    def advance(self, *, seconds: int = 0, to: int | None = None) -> int:
        """Moves the clock on; everything due on the way happens, in order. How many things that were."""
        with self.desk() as desk:
            begun = desk.now
            until = begun + seconds if to is None else to
            if until < begun:
                raise ValueError("the clock does not go back")
            happened = clock.run_due(desk, until)
            clock.move(desk.books, until - begun)
            return happened

    def tick(self) -> int:
        """Lets happen what is due by now: for the running clock of a demo."""
        return self.advance()

    def now(self) -> int:
        with self.store.transaction() as books:
            return clock.read(books)

    def _answer(
        self, method: str, path: str, values: Mapping[str, Any], request_id: str, key: str | None
    ) -> tuple[int, Json, bool]:
        route, found = routing.match(method, path)
        with self.desk(request_id=request_id, idempotency_key=key) as desk:
            mark = _mark(path, values) if key else ""
            if key and (former := _replay(desk, key, path, mark)):
                return former["status"], former["body"], True
            try:
                params = Params(values, route.known)
                answer = route.handler(desk, params, *found)
                status, body = 200, expansion.expand(desk, answer, params.words("expand"))
            except Refused as refusal:
                if not refusal.keeps:
                    raise
                status, body = refusal.status, refusal.body()
            if key:
                _remember(desk, key, path, mark, status, body)
            return status, body, False


def _check_headers(told: Mapping[str, str]) -> None:
    authorization = told.get("authorization")
    if authorization is not None and not KEY.match(authorization):
        raise Refused("Invalid API Key provided: simulated payments take test keys only.", status=401)
    version = told.get("stripe-version")
    if version and version != API_VERSION:
        raise Refused(f"Invalid Stripe API version: {version}. Simulated payments speak {API_VERSION} only.")
    if len(told.get("idempotency-key", "")) > 255:
        raise Refused("Idempotency keys can be up to 255 characters long.", kind="idempotency_error")


def _headers(request_id: str, key: str | None, *, is_replayed: bool, status: int) -> dict[str, str]:
    headers = {"Request-Id": request_id, "Content-Type": "application/json", "Stripe-Version": API_VERSION}
    if key:
        headers["Idempotency-Key"] = key
    if is_replayed:
        headers["Idempotent-Replayed"] = "true"
    if status >= 400:
        headers["Stripe-Should-Retry"] = "false"
    return headers


def _mark(path: str, values: Mapping[str, Any]) -> str:
    """Whether two requests are the same. A card's number takes no part: nothing of it may be kept."""
    known = json.dumps(values, sort_keys=True, default=str)
    known = re.sub(r'"number": "\d*(\d{4})"', r'"number": "\1"', known)
    return hashlib.sha256(f"{path}\n{known}".encode()).hexdigest()


def _replay(desk: Desk, key: str, path: str, mark: str) -> Json | None:
    row = desk.books.get("idempotency", key)
    if row is None:
        return None
    if row.data["path"] != path:
        raise Refused(
            f"Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{row.data['path']}' vs '{path}'). Try using a key other than '{key}' if you meant to execute a "
            "different request.",
            kind="idempotency_error",
        )
    if row.data["mark"] != mark:
        raise Refused(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    return row.data


def _remember(desk: Desk, key: str, path: str, mark: str, status: int, body: Json) -> None:
    data = {"path": path, "mark": mark, "status": status, "body": body}
    desk.books.write(Row("idempotency", key, data, created=desk.now))
