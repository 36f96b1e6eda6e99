"""The way to servers that a workspace named: public hosts only, looked at when they are dialled (`config.outbound`).

What they send is bounded too, and nothing of ours goes along but the request: no proxy of the environment, no cookie
of another workspace's call.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore2
import httpx2
from django.conf import settings

from config import outbound

MOST_BYTES = 32 * 1024 * 1024
"""Of one answer: far more than a long stream of single tokens has."""
LOOK_UPS = 8
# Threads of their own: a name server that keeps us waiting must keep nobody else waiting.
_threads = ThreadPoolExecutor(LOOK_UPS, thread_name_prefix="look-up")


class GuardedBackend(httpcore2.AnyIOBackend):
    """Looks a name up once, and connects to the very address that it looked at. TLS still asks for the name."""

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **kwargs: Any
    ) -> httpcore2.AsyncNetworkStream:
        return await super().connect_tcp(await _address(host, port, timeout), port, timeout, *args, **kwargs)


async def _address(host: str, port: int, timeout_s: float | None) -> str:
    """Raises httpcore2.ConnectError, by CallRefused where the host is private, and ConnectTimeout."""

    def look_up() -> str:
        may_be_private = settings.PROVIDERS_ALLOW_PRIVATE_HOSTS
        return outbound.look_up(host.strip("[]"), port, may_be_private=may_be_private)

    try:
        async with asyncio.timeout(timeout_s):
            return await asyncio.get_running_loop().run_in_executor(_threads, look_up)
    except TimeoutError as error:
        raise httpcore2.ConnectTimeout("the name was not found in time") from error
    except (OSError, UnicodeError) as error:
        raise httpcore2.ConnectError("the host is not called") from error


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """HTTP over GuardedBackend. An answer is plain, and at most MOST_BYTES long."""

    def __init__(self, limits: httpx2.Limits) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedBackend(),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            raise httpx2.DecodingError("the answer is packed, which was not asked for", request=request)
        response.stream = _Bounded(response.stream, request)
        return response


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: Any, request: httpx2.Request) -> None:
        self._stream, self._request, self._read = stream, request, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._read += len(piece)
            if self._read > MOST_BYTES:
                raise httpx2.ReadError("the answer is too long", request=self._request)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


def http_client(*, limits: httpx2.Limits, timeout: httpx2.Timeout) -> httpx2.AsyncClient:
    """One for all guarded servers of a process: it keeps neither cookies nor keys."""
    return httpx2.AsyncClient(
        transport=GuardedTransport(limits),
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def is_refusal(error: BaseException) -> bool:
    """Whether a call failed because its host may not be called."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, outbound.CallRefused):
            return True
        found = found.__cause__ or found.__context__
    return False
