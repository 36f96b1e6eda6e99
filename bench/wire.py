"""A small HTTP/1.1 client: requests are bytes made beforehand, answers arrive by callback.

The load generators share the machine with what they measure, so they must cost little.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httptools

OnBody = Callable[[bytes], None]
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True)
class Address:
    host: str
    port: int


@dataclass
class Answer:
    status: int = 0
    body: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)


class Connection(asyncio.Protocol):
    """One keep-alive connection that carries one exchange at a time.

    Pending futures fail with ConnectionError when the connection is lost.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._on_body: OnBody = _ignore
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.head: asyncio.Future[int] = self._loop.create_future()
        self.end: asyncio.Future[None] = self._loop.create_future()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def local_port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def begin(self, raw: bytes, on_body: OnBody) -> None:
        """Sends a request. `head` and `end` tell when its answer began and ended."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self.headers = {}
        self._on_body = on_body
        self.head, self.end = self._loop.create_future(), self._loop.create_future()
        self._transport.write(raw)

    async def exchange(self, raw: bytes) -> Answer:
        pieces: list[bytes] = []
        self.begin(raw, pieces.append)
        await self.end
        return Answer(self.status, b"".join(pieces), self.headers)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports share its methods only

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.head, self.end):
            if not future.done():
                future.set_exception(exc or ConnectionResetError("closed by the server"))
                future.exception()  # nobody may be waiting, which is no error

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if not self.head.done():
            self.head.set_result(self.status)

    def on_body(self, body: bytes) -> None:
        self._on_body(body)

    def on_message_complete(self) -> None:
        if not self.end.done():
            self.end.set_result(None)
        if not self._parser.should_keep_alive():
            self.close()


def _ignore(body: bytes) -> None:
    """The body of an answer that nobody asked for."""


async def connect(address: Address, *, source: str = "") -> Connection:
    """`source`: the local address to call from, so that many connections do not run out of ports."""
    local = (source, 0) if source else None
    _, connection = await asyncio.get_running_loop().create_connection(
        Connection, address.host, address.port, local_addr=local
    )
    return connection


async def ask(address: Address, raw: bytes) -> Answer:
    """One exchange on a connection of its own."""
    connection = await connect(address)
    try:
        return await connection.exchange(raw)
    finally:
        connection.close()


def get(path: str, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    return _request("GET", path, headers, b"")


def post(path: str, body: object, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    raw = json.dumps(body).encode()
    return _request("POST", path, {"Content-Type": "application/json", **headers}, raw)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
