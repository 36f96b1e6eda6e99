"""Steward's REST API. Reads are tried again; a call that costs goes out once, and says so when its answer is lost."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from steward_cli import refusals
from steward_cli.refusals import Refusal
from steward_cli.settings import Settings

TRIES = 3
WAIT_S = 0.5
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
        for left in reversed(range(TRIES)):
            try:
                response = self._client.get(path, params=query)
            except httpx.TransportError as error:
                if not left:
                    raise _unreachable(error) from error
            else:
                if response.status_code not in (502, 503, 504) or not left:
                    return _body(response)
            time.sleep(WAIT_S * (TRIES - left))
        raise AssertionError("the last try returns or raises")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return _body(self._send("POST", path, json=body))

    def delete(self, path: str) -> Any:
        return _body(self._send("DELETE", path))

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise _unreachable(error) from error

    @contextmanager
    def stream(self, path: str, body: dict[str, Any]) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """Server-sent events as (name, data)."""
        headers = {"Accept": "text/event-stream"}
        try:
            with self._client.stream("POST", path, json=body, headers=headers) as response:
                if response.status_code >= 400:
                    response.read()
                    _body(response)
                yield _events(response)
        except httpx.TransportError as error:
            raise _unreachable(error) from error


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
