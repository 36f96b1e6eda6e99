"""HTTP/1.1 on asyncio: bytes in, requests out, and one exchange per request to answer on.

Written on the parser directly because a simulated provider must do what servers prevent: break a stream, let
it hang, send half an answer, and notice at once that the client is gone. It is also several times cheaper per
token than a framework, on a machine that is shared with what is measured.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote

import httptools

MAX_BODY = 32 * 1024 * 1024
MAX_PIPELINED = 16


@dataclass(slots=True)
class Request:
    method: str = ""
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    keep_alive: bool = True
    chunked: bool = True


class Delivery(Protocol):
    """What is told about the fate of its exchange."""

    def lost(self) -> None:
        """The client is gone; nothing more can be sent."""

    def resumed(self) -> None:
        """The client reads again after `Exchange.paused`."""


class Exchange:
    """The answering side of one request: `reply`, or `open`, `write`…, and then `finish` or `hang_up`."""

    __slots__ = ("_connection", "_done", "_request", "_transport", "delivery", "paused")

    def __init__(self, connection: Connection, transport: asyncio.Transport, request: Request) -> None:
        self._connection = connection
        self._transport = transport
        self._request = request
        self._done = False
        self.delivery: Delivery | None = None
        self.paused = False

    def reply(
        self, status: int, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        fields = {"content-type": content_type, "content-length": str(len(body)), **(headers or {})}
        self._transport.write(self._head(status, fields) + body)
        self._end()

    def open(self, content_type: str, headers: Mapping[str, str], *, length: int | None = None) -> bytes:
        """The head of a 200 answer, for the caller to write together with what follows it."""
        fields = {"content-type": content_type, **headers}
        if length is not None:
            fields["content-length"] = str(length)
        elif self._request.chunked:
            fields["transfer-encoding"] = "chunked"
        else:
            self._request.keep_alive = False
        return self._head(200, fields)

    def frame(self, data: bytes) -> bytes:
        """`data` as one piece of a body without known length."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._request.chunked else data

    def last_frame(self) -> bytes:
        return b"0\r\n\r\n" if self._request.chunked else b""

    def write(self, raw: bytes) -> None:
        self._transport.write(raw)

    def unwritten(self) -> int:
        """Bytes that the socket has not taken yet."""
        return self._transport.get_write_buffer_size()

    def finish(self) -> None:
        self._end()

    def hang_up(self) -> None:
        """Closes the connection once what was written is out, whether or not the answer is complete."""
        self._done = True
        self._transport.close()

    def lost(self) -> None:
        if not self._done and self.delivery is not None:
            self.delivery.lost()
        self._done = True

    def _end(self) -> None:
        self._done = True
        if not self._request.keep_alive:
            self._transport.close()
        self._connection.exchange_ended()

    def _head(self, status: int, fields: Mapping[str, str]) -> bytes:
        connection = "keep-alive" if self._request.keep_alive else "close"
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"connection: {connection}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


class Connection(asyncio.Protocol):
    """One client connection; requests that arrive while one is being answered wait their turn."""

    def __init__(self, serve: Callable[[Request, Exchange], None], connections: set[Connection]) -> None:
        self._serve = serve
        self._connections = connections
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._url = b""
        self._body: list[bytes] = []
        self._size = 0
        self._waiting: deque[Request] = deque()
        self._current: Exchange | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports behave like asyncio's without inheriting from them.
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._waiting.clear()
        if self._current is not None:
            self._current.lost()
        self._current = None
        self._transport = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400)
        # Outside the parser, which would take an error of ours for one of the client's.
        self._next()

    def pause_writing(self) -> None:
        if self._current is not None:
            self._current.paused = True

    def resume_writing(self) -> None:
        if self._current is not None and self._current.paused:
            self._current.paused = False
            if self._current.delivery is not None:
                self._current.delivery.resumed()

    def exchange_ended(self) -> None:
        self._current = None
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)

    # The parser's callbacks

    def on_message_begin(self) -> None:
        self._request = Request()
        self._url = b""
        self._body = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._request.headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MAX_BODY:
            self._refuse(413)
            return
        self._body.append(body)

    def on_message_complete(self) -> None:
        url = httptools.parse_url(self._url)
        request = self._request
        request.method = self._parser.get_method().decode()
        request.path = unquote((url.path or b"/").decode("latin-1"))
        request.query = dict(parse_qsl((url.query or b"").decode("latin-1")))
        request.body = b"".join(self._body)
        request.keep_alive = self._parser.should_keep_alive()
        request.chunked = self._parser.get_http_version() != "1.0"
        self._waiting.append(request)
        if len(self._waiting) > MAX_PIPELINED:
            self._refuse(400)

    def _next(self) -> None:
        transport = self._transport
        if self._current is not None or not self._waiting or transport is None or transport.is_closing():
            return
        request = self._waiting.popleft()
        self._current = Exchange(self, transport, request)
        self._serve(request, self._current)

    def _refuse(self, status: int) -> None:
        """Ends a connection that does not speak HTTP, or says too much."""
        self._body = []
        if self._transport is None or self._transport.is_closing():
            return
        phrase = HTTPStatus(status).phrase
        head = f"HTTP/1.1 {status} {phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        self._transport.write(head.encode())
        self._transport.close()
