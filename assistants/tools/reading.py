"""Fetches one public page for a tool: no private host at any hop, bounded in time, size and kind."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import charset_normalizer
from urllib3.exceptions import HTTPError

from assistants.tools.types import ToolFailed
from config import outbound

TIME_S = 15.0
CONNECT_S = 5
MOST_BYTES = 2 * 1024 * 1024
PIECE = 16 * 1024
MOST_REDIRECTS = 4
MOST_URL = 2000
PORTS = frozenset({80, 443})
KINDS = ("text/html", "application/xhtml+xml", "text/plain", "text/markdown", "text/csv", "application/json")
HEADERS = {
    "User-Agent": "Steward-page-reader/1.0",
    "Accept": ", ".join(KINDS),
    "Accept-Encoding": "identity",
    "Connection": "close",
}


@dataclass(frozen=True)
class Fetched:
    url: str
    kind: str
    text: str


class _Lines(outbound.Lines):
    is_refused = False

    def dial(self, host: str, port: int, timeout: Any) -> socket.socket:
        try:
            if port not in PORTS:
                raise outbound.CallRefused("another port")
            return self.keep(outbound.dial(host, port, CONNECT_S))
        except outbound.CallRefused:
            # What is above sees one kind of failure only.
            self.is_refused = True
            raise


def check(url: str) -> str:
    """The address as it is called. Raises ToolFailed for what is no address of a public page by its looks."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise _refused("This is no address of a web page.") from error
    strange = any(ord(sign) <= 32 or sign in '\\"<>^`{|}' for sign in url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or strange or len(url) > MOST_URL:
        raise _refused("This is no address of a web page.")
    if parts.username is not None or parts.password is not None:
        raise _refused("An address with a user name is not read.")
    if port is not None and port not in PORTS:
        raise _refused("Only the usual ports of the web are read.")
    return url.strip()


def fetch(url: str, stopped: threading.Event) -> Fetched:
    """Raises ToolFailed. Ends within TIME_S, and soon after `stopped` is set."""
    lines, deadline = _Lines(), time.monotonic() + TIME_S
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=[lines, stopped, done, deadline], daemon=True)
    watch.start()
    try:
        with outbound.GuardedSession(lines.dial) as session:
            return _follow(session, check(url), lambda: time.monotonic() > deadline or stopped.is_set())
    except (outbound.CallFailed, HTTPError, OSError, UnicodeError, ValueError) as error:
        if lines.is_refused:
            raise _refused("This address is not one of the open internet.") from error
        if lines.is_hung_up:
            raise ToolFailed("page_slow", "The page took too long.") from error
        raise ToolFailed("page_unreachable", "The page could not be reached.") from error
    finally:
        done.set()
        lines.close()


def _watch(lines: _Lines, stopped: threading.Event, done: threading.Event, deadline: float) -> None:
    while not done.wait(0.1):
        if stopped.is_set() or time.monotonic() > deadline:
            lines.hang_up()
            return


def _follow(session: Any, url: str, is_over: Any) -> Fetched:
    for _ in range(MOST_REDIRECTS + 1):
        with session.get(
            url, headers=HEADERS, timeout=CONNECT_S, allow_redirects=False, stream=True
        ) as response:
            if not response.is_redirect:
                return _read(response, url, is_over)
            # SECURITY: each hop is looked at and dialled anew.
            url = check(urljoin(url, response.headers["location"]))
        session.cookies.clear()
    raise ToolFailed("page_unreachable", "The page leads on and on.")


def _read(response: Any, url: str, is_over: Any) -> Fetched:
    if response.status_code != 200:
        raise ToolFailed("page_refused", f"The page answered with status {response.status_code}.")
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in KINDS:
        raise ToolFailed("page_kind", "This is no page of text.")
    body = b"".join(_pieces(response.raw, is_over))
    return Fetched(
        url, kind, _decoded(body, response.encoding if "charset" in response.headers["content-type"] else "")
    )


def _pieces(raw: Any, is_over: Any) -> Iterator[bytes]:
    size = 0
    while piece := raw.read(PIECE, decode_content=True):
        size += len(piece)
        if size > MOST_BYTES:
            raise ToolFailed("page_large", f"The page has more than {MOST_BYTES // 1024 // 1024} MB.")
        if is_over():
            raise ToolFailed("page_slow", "The page took too long.")
        yield piece


def _decoded(body: bytes, charset: str | None) -> str:
    for name in (charset, "utf-8"):
        with contextlib.suppress(LookupError, UnicodeDecodeError):
            if name:
                return body.decode(name)
    best = charset_normalizer.from_bytes(body[:100_000]).best()
    return body.decode(best.encoding if best else "latin-1", "replace")


def _refused(message: str) -> ToolFailed:
    return ToolFailed("address_refused", message)
