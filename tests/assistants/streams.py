"""Runs' streams in a test: a loop of its own, and what Redis has of a run."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID, uuid4

from assistants.runs import frames
from assistants.runs.frames import STREAM_FIELD, EventId
from assistants.runs.publisher import Publisher, RunStream
from config import redis as redis_clients
from tenants import keys

T = TypeVar("T")
LIMIT_S = 15


def on_a_loop(work: Callable[[], Awaitable[T]]) -> T:
    """Runs `work()` on a loop of its own, which must end in time and leave no task behind."""

    async def limited() -> T:
        try:
            return await asyncio.wait_for(work(), LIMIT_S)
        finally:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(limited())


async def until(condition: Callable[[], object], what: str = "it never came") -> None:
    for _ in range(1_200):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(what)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def make_publisher() -> Publisher:
    return Publisher(redis_clients.async_client(max_connections=4))


def make_stream(**fields) -> RunStream:
    values = {"workspace_id": uuid4(), "run_id": uuid4(), "attempt": 1} | fields
    return RunStream(**values)


def entries(workspace_id: UUID, run_id: UUID) -> list[tuple[str, str, dict]]:
    """(id, event, data) of what Redis keeps of a run."""
    found = []
    for entry_id, fields in redis_clients.client().xrange(keys.stream_key(workspace_id, run_id)):
        raw = fields[STREAM_FIELD]
        assert entry_id.decode() == str(frames.read_id(raw)), "a frame's id is its id in the stream"
        found.append((entry_id.decode(), *frames.read(raw)))
    return found


def entries_of(stream: RunStream) -> list[tuple[str, str, dict]]:
    return entries(stream.workspace_id, stream.run_id)


def put(
    stream: RunStream, event_id: str, event: str, data: dict, *, publish: bool = True, keep: bool = True
) -> None:
    """Appends and publishes a frame by hand, or only one of both."""
    raw = frames.frame(EventId.parse(event_id), event, data)
    client = redis_clients.client()
    if keep:
        client.xadd(stream.key, {STREAM_FIELD: raw}, id=event_id)
        client.expire(stream.key, 60)
    if publish:
        client.publish(stream.channel, raw)


def forget(stream: RunStream) -> None:
    """As if Redis had been flushed."""
    redis_clients.client().delete(stream.key)


def said(events: list[tuple[str, dict]]) -> str:
    """The text that a viewer shows after these events; a gap or an overlap fails."""
    text = ""
    for event, data in events:
        if event == "delta":
            assert data["offset"] == len(text), f"delta at {data['offset']} after {len(text)} characters"
            text += data["text"]
        elif event == "snapshot":
            text = data["text"]
        elif event == "status" and data["state"] == "restarted":
            text = ""
    return text
