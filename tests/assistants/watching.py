"""Somebody who watches a run, and a worker's voice by hand."""

import asyncio
import contextlib

from assistants.runs import frames
from assistants.runs.frames import HEARTBEAT, EventId
from assistants.runs.hub import Hub, Viewer
from config import redis as redis_clients
from tests.assistants.streams import put, said, until


class Watcher:
    """Somebody who watches a run: what arrived, as ids and events, heartbeats apart."""

    def __init__(self, center: Hub, viewer: Viewer, after: str = "0-0", pause: float = 0) -> None:
        self.ids: list[str] = []
        self.events: list[tuple[str, dict]] = []
        self.heartbeats = 0
        self.pause = pause
        self.task = asyncio.ensure_future(self._watch(center, viewer, EventId.parse(after)))

    async def _watch(self, center: Hub, viewer: Viewer, after: EventId) -> None:
        async with contextlib.aclosing(center.watch(viewer, after)) as items:
            async for raw in items:
                if raw is HEARTBEAT:
                    self.heartbeats += 1
                    continue
                self.ids.append(str(frames.read_id(raw)))
                self.events.append(frames.read(raw))
                if self.pause:
                    await asyncio.sleep(self.pause)

    @property
    def names(self) -> list[str]:
        return [event for event, _ in self.events]

    @property
    def text(self) -> str:
        return said(self.events)


def viewer_of(stream, principal) -> Viewer:
    return Viewer(stream.workspace_id, stream.run_id, principal)


def say(stream, number: int, text: str = "", **options) -> None:
    """The delta `1-<number>`: the text so far is as long as the numbers before it."""
    text = text or str(number % 10)
    put(stream, f"1-{number}", "delta", {"offset": number - 1, "text": text}, **options)


def end(stream, event_id: str, **options) -> None:
    put(stream, event_id, "done", {"state": "done"}, **options)


def subscribers(stream) -> int:
    return dict(redis_clients.client().pubsub_numsub(stream.channel))[stream.channel.encode()]


async def watching(stream) -> None:
    await until(lambda: subscribers(stream) > 0, "nobody subscribed")


def cut_subscription(center: Hub) -> None:
    """This hub's connection breaks, and nobody else's: other processes test on the same server."""
    center._subscription.connection._writer.transport.abort()
