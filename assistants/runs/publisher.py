"""Worker side of a run's stream: collects deltas and appends them to Redis every few milliseconds.

One pipeline per tick serves all runs of the process. When Redis fails or was flushed, nothing is lost: the text
lives here and in the row, and the next event is a `snapshot` of it all.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import redis.asyncio
from redis.exceptions import RedisError, ResponseError

from assistants.llm.calls import Answer
from assistants.runs import parcels
from assistants.runs.frames import STREAM_FIELD, Event, EventId, frame, whole
from tenants import keys

COALESCE_S = 0.035
STREAM_LENGTH = 5000
# Redis drops a long stream's beginning: who comes late begins at the last snapshot, which is always still there.
SNAPSHOT_EVERY = 2000
LIVE_TTL_S = 3600
DONE_TTL_S = 600
RETRY_S = 0.5
FINISH_TRIES = 5
logger = logging.getLogger(__name__)


@dataclass
class RunStream:
    """The events of one attempt. `waiting` holds texts and events in order; offsets count Unicode code points."""

    workspace_id: UUID
    run_id: UUID
    attempt: int
    seq: int = 0
    parts: list[str] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    length: int = 0
    sent_length: int = 0
    waiting: list[str | Event] = field(default_factory=list)
    exists: bool = False
    needs_snapshot: bool = False
    snapshot_seq: int = 0
    is_fenced: bool = False
    is_ended: bool = False
    has_rounds: bool = False
    shown_calls: list[dict[str, Any]] = field(default_factory=list)
    said_before: int = 0

    def __post_init__(self) -> None:
        self.key = keys.stream_key(self.workspace_id, self.run_id)
        self.channel = keys.live_channel(self.workspace_id, self.run_id)

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def begin_call(self) -> None:
        """A further call of the model for the same answer."""
        self.said_before, self.tool_calls = len(self.parts), []

    @property
    def text_of_call(self) -> str:
        return "".join(self.parts[self.said_before :])

    @property
    def is_begun(self) -> bool:
        """Whether the present call has said anything."""
        return len(self.parts) > self.said_before or bool(self.tool_calls)

    def take_frames(self) -> list[tuple[EventId, bytes]]:
        """Turns what waits into frames, in its order; texts that follow each other become one delta."""
        waiting, self.waiting = self.waiting, []
        if self.needs_snapshot or self.seq - self.snapshot_seq >= SNAPSHOT_EVERY:
            return self._begin_anew([item for item in waiting if not isinstance(item, str)])
        frames = []
        for is_text, items in itertools.groupby(waiting, lambda item: isinstance(item, str)):
            if is_text:
                text = "".join(cast("Iterator[str]", items))
                frames.append(self._frame("delta", {"offset": self.sent_length, "text": text}))
                self.sent_length += len(text)
            else:
                frames += [self._frame(*event) for event in cast("Iterator[Event]", items)]
        return frames

    def _begin_anew(self, events: list[Event]) -> list[tuple[EventId, bytes]]:
        """Everything said so far; `status` goes before it, because `restarted` clears what viewers show."""
        self.needs_snapshot = False
        self.snapshot_seq = self.seq
        self.sent_length = self.length
        first = [event for event in events if event[0] == "status"]
        rest = [event for event in events if event[0] not in ("status", "tool")]
        return [self._frame(*event) for event in (*first, *self._whole(), *rest)]

    def _whole(self) -> list[Event]:
        if not self.has_rounds:
            return whole(self.text, self.tool_calls)
        shown: list[Event] = [("tool", {"calls": self.shown_calls})] if self.shown_calls else []
        return [*whole(self.text, []), *shown]

    def _frame(self, event: str, data: dict[str, Any]) -> tuple[EventId, bytes]:
        self.seq += 1
        event_id = EventId(self.attempt, self.seq)
        return event_id, frame(event_id, event, data)


class Publisher:
    """Lives on the worker's event loop."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._redis = client
        self._dirty: dict[UUID, RunStream] = {}
        self._work = asyncio.Event()
        self._urgent = asyncio.Event()
        self._lock = asyncio.Lock()

    def open(self, *, workspace_id: UUID, run_id: UUID, attempt: int) -> RunStream:
        stream = RunStream(workspace_id, run_id, attempt)
        self.emit(stream, "status", {"state": "restarted" if attempt > 1 else "running", "attempt": attempt})
        return stream

    def add_text(self, stream: RunStream, text: str) -> None:
        is_first = not stream.parts
        stream.parts.append(text)
        stream.waiting.append(text)
        stream.length += len(text)
        self._mark(stream, urgent=is_first)

    def add_tool_calls(self, stream: RunStream, deltas: list[dict[str, Any]]) -> None:
        _collect(stream.tool_calls, deltas)
        if stream.has_rounds:
            return  # shown when they are whole
        self.emit(stream, "tool", {"tool_calls": deltas})

    def show_calls(self, stream: RunStream, calls: list[dict[str, Any]]) -> None:
        """All calls of tools so far: it replaces what was shown of them."""
        stream.shown_calls = calls
        self.emit(stream, "tool", {"calls": calls})

    def emit(self, stream: RunStream, event: str, data: dict[str, Any]) -> None:
        stream.waiting.append((event, data))
        self._mark(stream, urgent=True)

    async def leave(self, stream: RunStream, answer: Answer, *, kept_s: int) -> None:
        """An answer that is no text, for the request that waits. Raises redis.RedisError."""
        await parcels.leave(
            self._redis,
            workspace_id=stream.workspace_id,
            run_id=stream.run_id,
            attempt=stream.attempt,
            answer=answer,
            kept_s=kept_s,
        )

    async def finish(self, stream: RunStream, data: dict[str, Any]) -> None:
        """Sends `done` after everything else. Gives up after some seconds: the row tells the end too."""
        stream.is_ended = True
        stream.waiting.append(("done", data))
        for _ in range(FINISH_TRIES):
            if await self._flush({stream.run_id: stream}, ttl=DONE_TTL_S):
                break
            stream.waiting = [("done", data)]
            await asyncio.sleep(RETRY_S)
        self._dirty.pop(stream.run_id, None)

    def _mark(self, stream: RunStream, *, urgent: bool) -> None:
        self._dirty[stream.run_id] = stream
        self._work.set()
        if urgent:
            self._urgent.set()

    async def run(self) -> None:
        """The ticking loop of the process."""
        while True:
            await self._work.wait()
            if not self._urgent.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._urgent.wait(), COALESCE_S)
            self._work.clear()
            self._urgent.clear()
            batch, self._dirty = self._dirty, {}
            try:
                taken = await self._flush(batch, ttl=LIVE_TTL_S)
            except Exception:
                logger.exception("events could not be made; their runs go on without viewers")
                continue
            if not taken:
                await asyncio.sleep(RETRY_S)
                self._send_again(batch.values())

    def _send_again(self, streams: Iterable[RunStream]) -> None:
        for stream in streams:
            if stream.needs_snapshot and not stream.is_ended:
                self._mark(stream, urgent=True)

    async def _flush(self, batch: dict[UUID, RunStream], *, ttl: int) -> bool:
        """One pipeline for all streams of the batch. False when Redis did not take it."""
        async with self._lock:
            pipeline = self._redis.pipeline(transaction=False)
            owners: list[RunStream | None] = []
            for stream in batch.values():
                if not stream.is_fenced:
                    self._append(pipeline, owners, stream, ttl)
            if not owners:
                return True
            try:
                results = await pipeline.execute(raise_on_error=False)
            except (RedisError, OSError):
                logger.warning("events could not be sent; a snapshot follows")
                for stream in batch.values():
                    _lost(stream)
                return False
            return self._examine(owners, results)

    @staticmethod
    def _append(pipeline: Any, owners: list[RunStream | None], stream: RunStream, ttl: int) -> None:
        is_new = not stream.exists
        for event_id, raw in stream.take_frames():
            pipeline.xadd(
                stream.key,
                {STREAM_FIELD: raw},
                id=str(event_id),
                maxlen=STREAM_LENGTH,
                approximate=True,
                nomkstream=stream.exists,
            )
            pipeline.publish(stream.channel, raw)
            owners += [stream, None]
            stream.exists = True
        if is_new or ttl == DONE_TTL_S:
            pipeline.expire(stream.key, ttl)
            owners.append(None)

    @staticmethod
    def _examine(owners: list[RunStream | None], results: list[Any]) -> bool:
        taken = True
        for stream, result in zip(owners, results, strict=True):
            if stream is None:
                continue
            if isinstance(result, ResponseError) and "equal or smaller" in str(result):
                stream.is_fenced = True
            elif result is None or isinstance(result, Exception):
                _lost(stream)
                taken = False
        return taken


def _lost(stream: RunStream) -> None:
    """The stream in Redis is gone or behind: it begins anew with everything said so far."""
    stream.exists = False
    stream.needs_snapshot = True


def _collect(tool_calls: list[dict[str, Any]], deltas: list[dict[str, Any]]) -> None:
    """Assembles streamed tool calls: `index` says which, arguments arrive in pieces."""
    for delta in deltas:
        index = delta.get("index", 0)
        while len(tool_calls) <= index:
            tool_calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call, function = tool_calls[index], delta.get("function") or {}
        call["id"] = delta.get("id") or call["id"]
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""
