"""What is no chat: one request, answered whole (assistants/llm/calls.py). Runs on the worker's loop.

Again after a retryable failure: nothing of it was delivered. Nothing else answers instead: what was held was held for
this model.
"""

import asyncio
import time

from django.core.files.storage import default_storage
from redis.exceptions import RedisError

from assistants.llm import calls
from assistants.llm.calls import Answer, Call
from assistants.llm.errors import ProviderFailure
from assistants.runs import attempts, measures, parcels
from assistants.runs.job import Job, Outcome
from assistants.runs.publisher import RunStream

LEAVE_TRIES = 3
UPLOAD_GONE = "upload_gone"


async def make(loop: attempts.Loop, job: Job, call: Call, stream: RunStream, outcome: Outcome) -> None:
    """The measure of what was made goes into `outcome`, and the answer to the request that waits for it."""
    server = outcome.server = job.servers[0]
    outcome.answered_by = server.endpoint.model
    try:
        upload = await asyncio.to_thread(_read, call.upload) if call.upload else None
        answer = await _ask(loop, job, call, upload)
        made = await asyncio.to_thread(measures.of, call, answer)
    except FileNotFoundError:
        outcome.fail(ProviderFailure(UPLOAD_GONE))
        return
    except ProviderFailure as failure:
        outcome.fail(failure)
        return
    if not await _leave(loop, call, stream, answer):
        # Nobody got it: it is not charged.
        outcome.fail(ProviderFailure("internal"))
        return
    made.write_into(outcome)
    if made.text:
        loop.publisher.add_text(stream, made.text)


def _read(name: str) -> bytes:
    with default_storage.open(name) as file:
        content: bytes = file.read()
    return content


async def _ask(loop: attempts.Loop, job: Job, call: Call, upload: bytes | None) -> Answer:
    server = job.servers[0]
    client = loop.clients.of(server.access)
    started = time.monotonic()
    for number in range(attempts.RETRIES + 1):
        try:
            return await calls.ask(client, call, server.endpoint.model, upload)
        except ProviderFailure as failure:
            wait = attempts.wait_before_next(failure, number, time.monotonic() - started)
            if wait is None:
                raise
            await asyncio.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


async def _leave(loop: attempts.Loop, call: Call, stream: RunStream, answer: Answer) -> bool:
    for number in range(LEAVE_TRIES):
        try:
            await loop.publisher.leave(stream, answer, kept_s=call.facts.get(parcels.KEPT_S, parcels.TTL_S))
        except (RedisError, OSError):
            await asyncio.sleep(attempts.BACKOFF_S * 2**number)
        else:
            return True
    return False
