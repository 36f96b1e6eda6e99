"""The event loop of a worker process: all streams of the process run on it.

Celery's threads only wait: a task claims, hands its job to the loop, and writes the end. No database connection is
held while a model answers.
"""

import asyncio
import functools
import logging
import threading
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import uvloop
from django.conf import settings
from redis.exceptions import RedisError

from assistants.llm import client
from assistants.runs import rounds
from assistants.runs.job import Job, Outcome
from assistants.runs.publisher import Publisher, RunStream
from config import redis as redis_clients
from usage import stops

logger = logging.getLogger(__name__)


@dataclass
class LiveRun:
    """A run that this process owns now. `renewed_at`: monotonic seconds of the last lease that was surely ours."""

    job: Job
    stream: RunStream
    task: asyncio.Task[None]
    renewed_at: float
    end_reason: str = ""
    flushed_length: int = 0
    outcome: Outcome = field(default_factory=Outcome)


class Engine:
    """One per process. `live` is read by the housekeeping thread; it changes only on the loop."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.live: dict[UUID, LiveRun] = {}
        self.stop_check = threading.Event()
        self._ready = threading.Event()
        self._background: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        threading.Thread(target=self._serve, name="run-loop", daemon=True).start()
        self._ready.wait()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._open())
        self._ready.set()
        self.loop.run_forever()

    async def _open(self) -> None:
        self.clients = client.Clients()
        self.publisher = Publisher(redis_clients.async_client(max_connections=8))
        for work in (self.publisher.run(), self._listen_for_stops()):
            self._background.add(asyncio.ensure_future(work))

    async def _listen_for_stops(self) -> None:
        """Wakes the housekeeping's stop check; without Redis it still runs every second."""
        while True:
            try:
                async with redis_clients.async_subscriber().pubsub() as subscription:
                    await subscription.subscribe(stops.CHANNEL)
                    async for _ in subscription.listen():
                        self.stop_check.set()
            except (RedisError, OSError):
                await asyncio.sleep(1)

    def run(self, job: Job) -> tuple[Outcome, RunStream]:
        """Blocks the calling thread until the model's answer ended, one way or another."""
        return asyncio.run_coroutine_threadsafe(self._run(job), self.loop).result()

    def finish(self, stream: RunStream, data: dict[str, Any]) -> None:
        """Tells viewers the end. Call it after the end is committed."""
        asyncio.run_coroutine_threadsafe(self.publisher.finish(stream, data), self.loop)

    def end(self, run_id: UUID, reason: str) -> None:
        """Ends a run from any thread; its partial text stays."""
        self.loop.call_soon_threadsafe(self._end, run_id, reason)

    def _end(self, run_id: UUID, reason: str) -> None:
        live = self.live.get(run_id)
        if live is not None and not live.end_reason:
            live.end_reason = reason
            live.task.cancel()

    async def _run(self, job: Job) -> tuple[Outcome, RunStream]:
        stream = self.publisher.open(workspace_id=job.workspace_id, run_id=job.run_id, attempt=job.attempt)
        outcome = Outcome()
        task = asyncio.ensure_future(rounds.answer(self, job, stream, outcome))
        live = LiveRun(job=job, stream=stream, task=task, renewed_at=job.claimed_at, outcome=outcome)
        self.live[job.run_id] = live
        try:
            await asyncio.wait({task}, timeout=settings.RUN_DEADLINE_S)
            if not task.done():
                self._end(job.run_id, "deadline")
                await asyncio.wait({task})
        finally:
            self.live.pop(job.run_id, None)
        _close(live)
        outcome.text, outcome.tool_calls = stream.text, stream.tool_calls
        return outcome, stream


def _close(live: LiveRun) -> None:
    """Reads how the task ended into the outcome. An unexpected error is logged with its trace, once."""
    outcome = live.outcome
    if live.task.cancelled() or live.end_reason:
        outcome.is_lost = live.end_reason == "lease_lost"
        person_asked = live.end_reason == "person"
        outcome.state = "stopped" if person_asked else "failed"
        outcome.error_code = "" if person_asked else (live.end_reason or "worker_lost")
        return
    error = live.task.exception()
    if error is not None:
        logger.error("a run failed unexpectedly", exc_info=error, extra={"run_id": str(live.job.run_id)})
        outcome.state, outcome.error_code = "failed", "internal"


@functools.cache
def get_engine() -> Engine:
    """The process's engine, started at first use together with its housekeeping."""
    from assistants.runs import housekeeping  # noqa: PLC0415  it watches this engine

    engine = Engine()
    engine.start()
    housekeeping.start(engine)
    return engine
