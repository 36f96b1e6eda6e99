"""The ASGI application: sync Django in one hop on a bounded thread pool, long answers on the event loop.

Every request runs whole (middleware, view, release of its database connection) in one pool thread, so connections are
bounded by the pool and no part of Django ever runs on the loop. A view that returns `Deferred` is finished on the loop
after its thread and connection went back: open streams cost neither (docs/turns.md).
"""

import asyncio
import contextlib
import contextvars
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
django.setup(set_prefix=False)

from config import ports, streaming  # noqa: E402

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

THREADS = int(os.environ.get("WEB_THREADS", "8"))


class SyncHandler(BaseHandler):
    """Django's own request handling with the middleware loaded for sync use."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)


class Application(ASGIHandler):
    def __init__(self) -> None:
        super().__init__()
        self._sync = SyncHandler()
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        try:
            response = await self._in_thread(self._respond, scope, body)
            if isinstance(response, streaming.Deferred):
                await _until_disconnect(receive, self._finish(response, send))
            else:
                await self._send_plain(response, send)
        finally:
            body.close()

    async def _in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, function, *args)

    def _respond(self, scope: Scope, body: Any) -> Any:
        """The whole sync part, ending with the release of the database connection."""
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, error_response = self.create_request(scope, body)
        if request is None:
            return error_response
        response: Any = self._sync.get_response(request)
        if isinstance(response, streaming.Deferred):
            _refuse_unlisted(request)
            response.close()
        elif not response.streaming:
            response.content  # noqa: B018  render lazily rendered templates here, in the thread
            response.close()
        return response

    async def _finish(self, deferred: streaming.Deferred, send: Send) -> None:
        response = await deferred.finish()
        for name, value in deferred.items():
            if name.lower() not in ("content-type", "content-length"):
                response.headers.setdefault(name, value)
        response.cookies.update(deferred.cookies)
        if isinstance(response, StreamingHttpResponse):
            await _send_stream(response, send)
        elif isinstance(response, HttpResponse):
            response["Content-Length"] = str(len(response.content))
            await _send_whole(response, send)

    async def _send_plain(self, response: Any, send: Send) -> None:
        if not response.streaming:
            await _send_whole(response, send)
            return
        await send(_start(response))
        chunks = iter(response)
        try:
            while (chunk := await self._in_thread(next, chunks, None)) is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await self._in_thread(response.close)


def _refuse_unlisted(request: HttpRequest) -> None:
    match = request.resolver_match
    if match is None or match.view_name not in streaming.ROUTES:
        raise RuntimeError("a view outside config.streaming.ROUTES returned Deferred")


def _start(response: HttpResponseBase) -> dict[str, Any]:
    headers = [(name.encode("ascii"), value.encode("latin1")) for name, value in response.items()]
    headers += [
        (b"Set-Cookie", cookie.output(header="").encode("ascii").strip())
        for cookie in response.cookies.values()
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}


async def _send_whole(response: HttpResponse, send: Send) -> None:
    await send(_start(response))
    await send({"type": "http.response.body", "body": response.content})


async def _send_stream(response: StreamingHttpResponse, send: Send) -> None:
    await send(_start(response))
    chunks: AsyncIterator[bytes] = response.streaming_content  # type: ignore[assignment]
    async with contextlib.aclosing(chunks):  # type: ignore[type-var]
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_disconnect(receive: Receive, work: Any) -> None:
    """Runs `work` and cancels it when the client goes away."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        gone.cancel()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


application = Application()
# Before gunicorn forks (--preload): what its processes never change, they share.
ports.web_started()
gc.collect()
gc.freeze()
