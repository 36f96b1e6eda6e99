"""Answers that are no text, from the worker that got them to the request that waits. Redis carries them, as it carries
the text of a stream; nothing of them is kept: who comes late is told that the answer is gone.
"""

import json
from typing import Any
from uuid import UUID

import redis
import redis.asyncio

from assistants.llm.calls import Answer
from config import redis as redis_clients
from tenants import keys

TTL_S = 120
LINK_S = 3600
KEPT_S = "kept_s"
"""Of a call's facts: how long its answer can be looked at, where it is fetched by an address."""


async def leave(
    client: redis.asyncio.Redis,
    *,
    workspace_id: UUID,
    run_id: UUID,
    attempt: int,
    answer: Answer,
    kept_s: int = TTL_S,
) -> None:
    """Raises redis.RedisError."""
    head = json.dumps({"content_type": answer.content_type}).encode()
    await client.set(keys.parcel_key(workspace_id, run_id, attempt), head + b"\n" + answer.content, ex=kept_s)


def take(*, workspace_id: UUID, run_id: UUID, attempt: int) -> Answer | None:
    """Once: it is gone afterwards. None when it is not there, or Redis is away."""
    return _get("getdel", keys.parcel_key(workspace_id, run_id, attempt))


def look(*, workspace_id: UUID, run_id: UUID, attempt: int) -> Answer | None:
    """As `take`, and it stays as long as it was left for."""
    return _get("get", keys.parcel_key(workspace_id, run_id, attempt))


def _get(command: str, key: str) -> Answer | None:
    try:
        found: Any = getattr(redis_clients.client(), command)(key)
    except redis.RedisError:
        return None
    if found is None:
        return None
    head, _, content = found.partition(b"\n")
    return Answer(content, json.loads(head)["content_type"])
