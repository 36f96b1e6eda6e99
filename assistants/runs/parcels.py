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


async def leave(
    client: redis.asyncio.Redis, *, workspace_id: UUID, run_id: UUID, attempt: int, answer: Answer
) -> None:
    """Raises redis.RedisError."""
    head = json.dumps({"content_type": answer.content_type}).encode()
    await client.set(keys.parcel_key(workspace_id, run_id, attempt), head + b"\n" + answer.content, ex=TTL_S)


def take(*, workspace_id: UUID, run_id: UUID, attempt: int) -> Answer | None:
    """Once: it is gone afterwards. None when it is not there, or Redis is away."""
    try:
        found: Any = redis_clients.client().getdel(keys.parcel_key(workspace_id, run_id, attempt))
    except redis.RedisError:
        return None
    if found is None:
        return None
    head, _, content = found.partition(b"\n")
    return Answer(content, json.loads(head)["content_type"])
