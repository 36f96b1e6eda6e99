"""The floor's web side: a bare ASGI application that hands a chat completion to Celery and awaits its events.

What remains of the product's path when accounts, conversations, holds and the ledger are left out.
"""

import asyncio
import hmac
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

from assistants.runs import frames
from bench.floor.worker import answer
from config import redis as redis_clients
from tenants import keys

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

THREADS = 8
NIL = UUID(int=0)
TIMEOUT_S = 60
KEY = f"Bearer {os.environ.get('FLOOR_KEY', '')}".encode()


class Calls:
    """One per process: the calls that wait, and the subscription that wakes them."""

    def __init__(self) -> None:
        self.caller = uuid4()
        self.waiting: dict[str, asyncio.Queue[frames.Event]] = {}
        self.ready = asyncio.Event()
        self.pool = ThreadPoolExecutor(THREADS)
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        async with redis_clients.async_subscriber().pubsub() as subscription:
            await subscription.psubscribe(keys.live_channel(self.caller, NIL).replace(str(NIL), "*"))
            async for message in subscription.listen():
                if message["type"] == "psubscribe":
                    self.ready.set()
                else:
                    queue = self.waiting.get(message["channel"].decode().rpartition(":")[2])
                    if queue is not None:
                        queue.put_nowait(frames.read(message["data"]))

    async def run(self, body: dict[str, Any], call: UUID) -> AsyncIterator[frames.Event]:
        """The events of the call until its end."""
        await self.ready.wait()
        queue = self.waiting[str(call)] = asyncio.Queue()
        try:
            sending = {"caller": str(self.caller), "call": str(call), "body": body}
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self.pool, lambda: answer.apply_async(kwargs=sending))
            is_over = False
            while not is_over:
                event = await asyncio.wait_for(queue.get(), TIMEOUT_S)
                is_over = event[0] == "done"
                yield event
        finally:
            del self.waiting[str(call)]


_calls: Calls | None = None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    global _calls  # noqa: PLW0603  one per process
    if scope["type"] != "http":
        return
    if _calls is None:
        _calls = Calls()
    raw = await _body(receive)
    if not hmac.compare_digest(dict(scope["headers"]).get(b"authorization", b""), KEY):
        await _send(send, 401, {"error": {"message": "The key is wrong."}})
        return
    body, call = json.loads(raw), uuid4()
    events = _calls.run(body, call)
    if body.get("stream"):
        await _stream(send, body, call, events)
        return
    end = [data async for _, data in events][-1]
    await _send(send, 200 if end["state"] == "done" else 502, _completion(body, call, end))


async def _body(receive: Receive) -> bytes:
    raw, more = b"", True
    while more:
        message = await receive()
        raw += message.get("body", b"")
        more = message.get("more_body", False)
    return raw


def _completion(body: dict[str, Any], call: UUID, end: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": end["text"], "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": f"chatcmpl-{call.hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body["model"],
        "choices": [choice],
        "usage": end["usage"],
    }


async def _send(send: Send, status: int, body: dict[str, Any]) -> None:
    raw = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


async def _stream(send: Send, body: dict[str, Any], call: UUID, events: AsyncIterator[frames.Event]) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async for event, data in events:
        if event == "delta":
            await _chunk(send, body, call, [_choice({"content": data["text"]}, None)], None)
        elif event == "done":
            await _chunk(send, body, call, [_choice({}, "stop")], None)
            await _chunk(send, body, call, [], data["usage"])
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})


def _choice(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


async def _chunk(send: Send, body: dict[str, Any], call: UUID, choices: list[Any], usage: Any) -> None:
    chunk = {
        "id": f"chatcmpl-{call.hex}", "object": "chat.completion.chunk", "created": int(time.time()),
        "model": body["model"], "choices": choices, "usage": usage,
    }  # fmt: skip
    raw = b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
    await send({"type": "http.response.body", "body": raw, "more_body": True})
