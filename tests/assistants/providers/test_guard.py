"""Servers that a workspace named are called on the open internet only, and learn nothing but the request."""

import asyncio
import gzip
import socket

import anyio
import openai
import pytest

from assistants.llm import chat, client, guard
from assistants.llm.access import Access
from assistants.llm.errors import ProviderFailure
from config import outbound

ANSWER = (
    b'data: {"model":"m","choices":[{"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


class Server:
    """Answers each request with `head` and `body` and keeps what it was sent."""

    def __init__(self, body: bytes = ANSWER, status: str = "200 OK", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        self.answer = "\r\n".join([*lines, "", ""]).encode() + body
        self.asked: list[str] = []

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
        writer.write(self.answer)
        writer.close()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/v1"


async def ask(clients: client.Clients, access: Access) -> str:
    request = chat.ChatRequest("m", [{"role": "user", "content": "Hello"}], 16, "run-1")
    deltas = chat.stream(clients.of(access), request, chat.Tally())
    return "".join([delta.text async for delta in deltas])


def asked(server: Server, host: str = "127.0.0.1", *, is_own: bool = True, times: int = 1) -> str:
    """The text of the answer, or the code of the failure."""

    async def play() -> str:
        async with server:
            clients = client.Clients()
            try:
                texts = [
                    await ask(clients, Access(server.url(host), "k", is_own=is_own)) for _ in range(times)
                ]
            except ProviderFailure as failure:
                return failure.code
            return texts[-1]

    return asyncio.run(play())


@pytest.fixture
def open_loopback(monkeypatch):
    monkeypatch.setattr(outbound, "is_public", lambda address: address == "127.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "2130706433"])
def test_private_host_is_refused_and_nothing_is_sent(host):
    server = Server()
    assert asked(server, host) == "provider_host_refused"
    assert server.asked == []


def test_unguarded_client_reaches_the_same_host():
    server = Server()
    assert asked(server, is_own=False) == "Hi"
    assert len(server.asked) == 1


def test_operator_may_allow_private_hosts(settings):
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = True
    server = Server()
    assert asked(server) == "Hi"


def test_refusal_is_not_tried_again():
    with pytest.raises(ProviderFailure) as refused:
        asyncio.run(ask(client.Clients(), Access("http://127.0.0.1:9/v1", "k", is_own=True)))
    assert (refused.value.code, refused.value.retryable) == ("provider_host_refused", False)


def _rebinding(monkeypatch) -> list[str]:
    names: list[str] = []
    real = socket.getaddrinfo

    def answer(host, port, *args, **options):
        if host not in ("rebound.example", b"rebound.example"):
            return real(host, port, *args, **options)
        names.append("rebound.example")
        address = "93.184.216.34" if len(names) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return names


def test_name_that_answers_differently_the_second_time_gains_nothing(monkeypatch):
    names, dialled = _rebinding(monkeypatch), []

    async def connect(remote_host, *args, **options):
        dialled.append(remote_host)
        raise OSError("far away")

    monkeypatch.setattr(anyio, "connect_tcp", connect)
    server = Server()
    assert asked(server, "rebound.example") == "provider_unreachable"
    assert (names, dialled, server.asked) == (["rebound.example"], ["93.184.216.34"], [])


def test_looking_a_name_up_before_connecting_by_it_would_not_do(monkeypatch):
    names = _rebinding(monkeypatch)
    assert outbound.look_up("rebound.example", 80) == "93.184.216.34"
    server = Server()
    assert asked(server, "rebound.example", is_own=False) == "Hi"
    assert len(names) == 2


def test_redirect_is_not_followed(open_loopback):
    server = Server(b"", "302 Found", "Location: http://127.0.0.1:9/v1/chat/completions")
    assert asked(server) == "provider_error"
    assert len(server.asked) == 1


def test_platforms_account_and_proxies_of_the_environment_are_not_used(open_loopback, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-ours")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-ours")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Ours: secret-ours")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    own, platform = Server(), Server()
    assert asked(own) == "Hi"
    assert "ours" not in own.asked[0]
    assert "authorization: bearer k\r\n" in own.asked[0]
    monkeypatch.delenv("HTTP_PROXY")
    assert asked(platform, is_own=False) == "Hi"
    assert all(word in platform.asked[0] for word in ("org-ours", "project-ours", "secret-ours"))


def test_cookies_are_not_kept(open_loopback):
    own, platform = (Server(ANSWER, "200 OK", "Set-Cookie: seen=1; Path=/") for _ in range(2))
    assert asked(own, times=2) == "Hi"
    assert "cookie" not in own.asked[1]
    assert asked(platform, is_own=False, times=2) == "Hi"
    assert "cookie: seen=1" in platform.asked[1]


def test_packed_and_endless_answers_are_refused(open_loopback, monkeypatch):
    packed = Server(gzip.compress(ANSWER), "200 OK", "Content-Encoding: gzip")
    assert asked(packed) == "provider_unreachable"
    assert asked(Server(gzip.compress(ANSWER), "200 OK", "Content-Encoding: gzip"), is_own=False) == "Hi"
    monkeypatch.setattr(guard, "MOST_BYTES", 1000)
    for status in ("200 OK", "500 No"):
        long = Server(b"x" * 100_000, status)
        assert asked(long) in ("provider_cut", "provider_unreachable")
    assert asked(Server(b"x" * 100_000, "500 No"), is_own=False) == "provider_unavailable"


def test_clients_are_kept_by_address_and_key(monkeypatch):
    async def play() -> None:
        clients = client.Clients()
        one, other = (Access("https://m.example/v1", key, is_own=True) for key in ("a", "b"))
        assert clients.of(one) is clients.of(one) is not clients.of(other)
        assert (clients.of(one).api_key, clients.of(other).api_key) == ("a", "b")
        monkeypatch.setattr(client, "MOST_CLIENTS", 2)
        first = clients.of(one)
        clients.of(other)
        clients.of(Access("https://n.example/v1", "a", is_own=True))
        assert clients.of(one) is not first
        assert isinstance(first, openai.AsyncOpenAI)

    asyncio.run(play())
