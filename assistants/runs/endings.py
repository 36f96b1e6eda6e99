"""How the end of a run is told to those who watch it."""

import logging
from typing import Any
from uuid import UUID

import redis

from assistants.models import Run
from assistants.runs import words
from assistants.runs.frames import (
    HEARTBEAT,
    STREAM_FIELD,
    Event,
    EventId,
    frame,
    is_done,
    read,
    read_id,
    whole,
)
from config import redis as redis_clients
from tenants import keys

TTL_S = 600
COST = ("run_id", "cost_micro", "receipt_id")
logger = logging.getLogger(__name__)


def cost_of(run: Run) -> dict[str, Any]:
    """What an ended run cost, in micro-units, and the receipt that proves it."""
    receipt = str(run.receipt_id) if run.receipt_id else None
    return dict(zip(COST, (str(run.id), run.cost_micro, receipt), strict=True))


def cost_headers(cost: dict[str, Any]) -> dict[str, str]:
    """The same, of an answer that is given whole."""
    headers = {"Steward-Run-Id": cost["run_id"], "Steward-Cost-Micro": str(cost["cost_micro"])}
    return {**headers, "Steward-Receipt-Id": cost["receipt_id"]} if cost["receipt_id"] else headers


def charge_of(run: Run) -> dict[str, Any]:
    """The same with what it was reckoned from. `is_estimated`: the provider sent no count, so this is ours."""
    counted = {"input_tokens": run.input_tokens, "output_tokens": run.output_tokens}
    return {**cost_of(run), **counted, "is_estimated": run.is_estimated}


def done_data(run: Run) -> dict[str, Any]:
    """The `done` event of a finished run."""
    is_failed = run.state == Run.State.FAILED
    return {
        "state": run.state,
        "code": run.error_code if is_failed else None,
        "message": words.of(run.error_code).message if is_failed else None,
        "finish_reason": run.finish_reason or None,
        "cost": charge_of(run),
    }


def without_cost(raw: bytes) -> bytes:
    """For who does not pay: visitors of a site."""
    if raw == HEARTBEAT or not is_done(raw):
        return raw
    _, data = read(raw)
    return frame(read_id(raw), "done", {name: value for name, value in data.items() if name != "cost"})


def final_frames(run: Run) -> list[tuple[EventId, bytes]]:
    """All that was said, then `done`: what a viewer needs of a finished run."""
    events: list[Event] = [*whole(run.text, run.tool_calls), ("done", done_data(run))]
    ids = [EventId(run.attempt, seq) for seq, _ in enumerate(events, start=1)]
    return [(event_id, frame(event_id, *event)) for event_id, event in zip(ids, events, strict=True)]


def announce(workspace_id: UUID, run: Run) -> None:
    """For a run that ended without its worker: appends the end under the new attempt, which viewers take over."""
    stream, channel = keys.stream_key(workspace_id, run.id), keys.live_channel(workspace_id, run.id)
    try:
        pipeline = redis_clients.client().pipeline(transaction=False)
        for event_id, raw in final_frames(run):
            pipeline.xadd(stream, {STREAM_FIELD: raw}, id=str(event_id))
            pipeline.publish(channel, raw)
        pipeline.expire(stream, TTL_S)
        pipeline.execute(raise_on_error=False)
    except redis.RedisError:
        logger.warning("the end of a run was not announced; viewers read it from the row")
