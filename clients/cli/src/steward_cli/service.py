"""Steward's REST API. What fails in passing is sent again; each call that changes something has its Idempotency-Key."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from time import sleep
from typing import Any
from uuid import uuid4

import httpx

from steward_cli import refusals, screen
from steward_cli.refusals import Refusal
from steward_cli.repeating import Tries
from steward_cli.settings import Settings

IDEMPOTENCY_KEY = "Idempotency-Key"
# Model work takes its time; to connect does not.
TIMEOUT = httpx.Timeout(600, connect=10)


class Service:
    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Accept": "application/json", "User-Agent": "steward-cli/0.1"}
        if settings.key:
            headers["Authorization"] = f"Bearer {settings.key}"
        if settings.workspace:
            headers["X-Workspace"] = settings.workspace
        base = f"{settings.url}/api/v1/"
        self._client = httpx.Client(base_url=base, headers=headers, timeout=TIMEOUT, transport=transport)

    def get(self, path: str, **query: Any) -> Any:
        return _body(self._sent(self._client.build_request("GET", path, params=query)))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return _body(self._sent(self._unsafe("POST", path, json=body)))

    def delete(self, path: str) -> Any:
        return _body(self._sent(self._unsafe("DELETE", path)))

    @contextmanager
    def stream(self, path: str, body: dict[str, Any]) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """Server-sent events as (name, data). What has begun to come is not asked for again."""
        request = self._unsafe("POST", path, json=body, headers={"Accept": "text/event-stream"})
        with closing(self._sent(request, stream=True)) as response:
            if response.is_error:
                _body(response)
            try:
                yield _events(response)
            except httpx.TransportError as error:
                raise _unreachable(error) from error

    def _unsafe(self, method: str, path: str, **options: Any) -> httpx.Request:
        """With a key of its own: however often this request is sent, it is carried out once."""
        headers = {IDEMPOTENCY_KEY: str(uuid4()), **options.pop("headers", {})}
        return self._client.build_request(method, path, headers=headers, **options)

    def _sent(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """The last answer; one with an error is read already. Raises Refusal where there was none."""
        tries = Tries()
        while True:
            answer, lost = None, None
            try:
                answer = self._client.send(request, stream=stream)
                if not answer.is_error:
                    return answer
                answer.read()
            except httpx.TransportError as error:
                lost = error
            wait_s = tries.again_after(None if lost else answer)
            if wait_s is None and lost is not None:
                raise _unreachable(lost) from lost
            if wait_s is None and answer is not None:
                return answer
            screen.waits(wait_s or 0.0)
            sleep(wait_s or 0.0)


def _events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def _body(response: httpx.Response) -> Any:
    """Raises Refusal."""
    try:
        body = response.json() if response.content else None
    except ValueError:
        body = None
    if response.status_code >= 400:
        raise refusals.of_answer(response.status_code, body if isinstance(body, dict) else {})
    if response.is_redirect or (response.content and body is None):
        raise Refusal("This address does not answer as Steward does.", refusals.UNREACHABLE)
    return body


def _unreachable(error: httpx.TransportError) -> Refusal:
    what = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
    return Refusal(f"The server {what}. What was begun there goes on.", refusals.UNREACHABLE)
