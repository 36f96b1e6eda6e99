"""Web side of the streams: one Redis subscription per process feeds all open viewers.

A viewer first replays the stream from where it stopped, then gets what the worker publishes. Whatever Redis loses is
filled from the stream, and what the stream lost from the row. No connection to the database is held; the few reads run
in a thread and give theirs back at once.
"""

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from redis.exceptions import RedisError

from accounts import revocation
from accounts.permissions import Principal
from assistants.models import Run
from assistants.runs import endings, frames
from assistants.runs.frames import HEARTBEAT, STREAM_FIELD, EventId
from config import redis as redis_clients
from config.streaming import in_database_thread
from tenants import keys
from tenants.scope import WorkspaceNotFound, workspace_scope
from usage.holds import queries as holds_queries

HEARTBEAT_S = 15.0
FIRST_DOUBT_S = 2.0
GATHER_S = 0.25
REVOCATION_CHECK_S = 5.0
QUEUE_LENGTH = 2000
REFILL = b"refill"
CLOSE = b"close"
T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Viewer:
    """One open stream. The queue holds frames, or the words REFILL and CLOSE."""

    workspace_id: UUID
    run_id: UUID
    principal: Principal
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE_LENGTH))
    overflowed: bool = False

    def put(self, item: bytes) -> None:
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            # A slow reader: it refills from the stream when it comes back.
            self.overflowed = True


class Hub:
    """One per web process, on its event loop."""

    def __init__(self) -> None:
        self._redis = redis_clients.async_client(max_connections=32)
        self._viewers: dict[str, set[Viewer]] = defaultdict(set)
        self._doubts: dict[UUID, asyncio.Future[bool]] = {}
        self._subscription: Any = None
        self._subscribed: dict[str, asyncio.Event] = {}
        self._tasks = [asyncio.ensure_future(work) for work in (self._listen(), self._check_revocations())]
        self._gathering: asyncio.Task[None] | None = None

    @property
    def open_count(self) -> int:
        return sum(len(viewers) for viewers in self._viewers.values())

    async def watch(self, viewer: Viewer, after: EventId) -> AsyncGenerator[bytes, None]:
        """Frames after `after`, in order and without a gap, ending with `done`; heartbeats in silence.

        Ends without `done` when the viewer's session, key or membership is revoked.
        """
        channel = keys.live_channel(viewer.workspace_id, viewer.run_id)
        self._viewers[channel].add(viewer)
        last, silent_s = after, 0.0
        try:
            await self._subscribe(channel)
            viewer.put(REFILL)
            while True:
                is_blind = self._subscription is None
                wait = FIRST_DOUBT_S if silent_s == 0 or is_blind else HEARTBEAT_S
                try:
                    # Not wait_for: until Python 3.12 it can lose the cancellation of a viewer who leaves.
                    async with asyncio.timeout(wait):
                        item = await viewer.queue.get()
                except TimeoutError:
                    silent_s += wait
                    for raw in await self._doubt(viewer):
                        yield raw
                        if frames.is_done(raw):
                            return
                    yield HEARTBEAT
                    continue
                if item is CLOSE:
                    return
                for raw in await self._resolve(viewer, item, last):
                    last, silent_s = frames.read_id(raw), 0.0
                    yield raw
                    if frames.is_done(raw):
                        return
        finally:
            self._leave(channel, viewer)

    async def _resolve(self, viewer: Viewer, item: bytes, last: EventId) -> list[bytes]:
        """The frames that a queue item stands for: itself, nothing (known already), or a refill of a gap."""
        if item is not REFILL and not viewer.overflowed:
            event_id = frames.read_id(item)
            if event_id <= last:
                return []
            if event_id.follows(last):
                return [item]
        viewer.overflowed = False
        refill = await self._replay(viewer, last)
        if not refill and item is not REFILL:
            return [item]
        return refill

    async def _replay(self, viewer: Viewer, last: EventId) -> list[bytes]:
        key = keys.stream_key(viewer.workspace_id, viewer.run_id)
        try:
            entries = await _apart(self._redis.xrange(key, min=f"({last}"))
        except (RedisError, OSError):
            return []
        raws = [fields[STREAM_FIELD] for _, fields in entries]
        if raws and not frames.read_id(raws[0]).follows(last):
            # The stream lost what lies between: its last snapshot says everything up to there.
            snapshots = [index for index, raw in enumerate(raws) if frames.is_snapshot(raw)]
            return raws[snapshots[-1] :] if snapshots else raws
        return raws

    def _leave(self, channel: str, viewer: Viewer) -> None:
        viewers = self._viewers[channel]
        viewers.discard(viewer)
        if not viewers:
            del self._viewers[channel]
            self._subscribed.pop(channel, None)
            if self._subscription is not None:
                asyncio.ensure_future(self._unsubscribe(channel))

    async def _unsubscribe(self, channel: str) -> None:
        if channel not in self._viewers and self._subscription is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._subscription.unsubscribe(channel)

    async def _subscribe(self, channel: str) -> None:
        """Returns when Redis has confirmed, so that nothing published later is missed; or at once without Redis."""
        event = self._subscribed.setdefault(channel, asyncio.Event())
        if event.is_set() or self._subscription is None:
            return
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await _apart(self._subscription.subscribe(channel))
            async with asyncio.timeout(2):
                await event.wait()

    async def _listen(self) -> None:
        while True:
            try:
                async with redis_clients.async_subscriber().pubsub() as subscription:
                    await subscription.subscribe(revocation.CHANNEL)
                    # From here on viewers subscribe by themselves; those who came earlier do it here.
                    self._subscription = subscription
                    if self._viewers:
                        await subscription.subscribe(*self._viewers)
                    async for message in subscription.listen():
                        self._receive(message)
            except (RedisError, OSError):
                logger.warning("the subscription to Redis broke; connecting again")
            self._subscription = None
            self._subscribed.clear()
            await asyncio.sleep(0.5)

    def _receive(self, message: dict[str, Any]) -> None:
        channel = message["channel"].decode()
        if message["type"] == "subscribe":
            self._subscribed.setdefault(channel, asyncio.Event()).set()
            for viewer in self._viewers.get(channel, ()):
                viewer.put(REFILL)
        elif message["type"] == "message" and channel == revocation.CHANNEL:
            self._revoke(message["data"])
        elif message["type"] == "message":
            for viewer in self._viewers.get(channel, ()):
                viewer.put(message["data"])

    def _revoke(self, announcement: bytes) -> None:
        try:
            note = json.loads(announcement)
            kind, identifier = note["kind"], note["id"]
        except (ValueError, KeyError, TypeError):
            # It must not end the listening of the process; the periodic check sees what it meant.
            logger.warning("an announced revocation was unreadable")
            return
        for viewer in self._all_viewers():
            if revocation.is_hit(viewer.principal, kind, identifier):
                viewer.put(CLOSE)

    def _all_viewers(self) -> list[Viewer]:
        return [viewer for viewers in self._viewers.values() for viewer in viewers]

    async def _check_revocations(self) -> None:
        """Announcements can be lost: ask the database about everybody who watches."""
        while True:
            await asyncio.sleep(REVOCATION_CHECK_S)
            viewers = self._all_viewers()
            if not viewers:
                continue
            revoked = await in_database_thread(
                revocation.list_revoked, {viewer.principal for viewer in viewers}
            )
            for viewer in viewers:
                if revoked and viewer.principal in revoked:
                    viewer.put(CLOSE)

    async def _doubt(self, viewer: Viewer) -> list[bytes]:
        """Silence: has the run ended unseen? Doubts of a quarter second are asked in one query."""
        future = self._doubts.get(viewer.run_id)
        if future is None:
            future = self._doubts[viewer.run_id] = asyncio.get_running_loop().create_future()
            if self._gathering is None:
                self._gathering = asyncio.ensure_future(self._ask())
        # A viewer who leaves now cancels only its own waiting, not the answer that others wait for.
        if not await asyncio.shield(future):
            return []
        return await in_database_thread(read_end, viewer.workspace_id, viewer.run_id) or []

    async def _ask(self) -> None:
        await asyncio.sleep(GATHER_S)
        doubts, self._doubts = self._doubts, {}
        self._gathering = None
        ended = await in_database_thread(holds_queries.list_ended, list(doubts)) or set()
        for run_id, future in doubts.items():
            future.set_result(run_id in ended)


async def _apart(work: Awaitable[T]) -> T:
    """In a task of its own, which a viewer who leaves does not cancel.

    Half a command would break the connection of all viewers; and the client waits by `wait_for`, which until Python
    3.12 can lose the cancellation: the viewer would be kept until the run ends.
    """
    return await asyncio.shield(asyncio.ensure_future(work))


def read_end(workspace_id: UUID, run_id: UUID) -> list[bytes]:
    """The end of a finished run from its row; nothing while it runs. For a thread."""
    try:
        with workspace_scope(workspace_id, allow_suspended=True):
            run = Run.objects.filter(id=run_id).first()
    except WorkspaceNotFound:
        return []
    if run is None or not run.is_final:
        return []
    return [raw for _, raw in endings.final_frames(run)]


_hub: Hub | None = None


def get_hub() -> Hub:
    """The process's hub, made on its loop at first use."""
    global _hub  # noqa: PLW0603  one per process by design
    if _hub is None:
        _hub = Hub()
    return _hub
