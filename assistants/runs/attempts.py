"""One call of the model: again after a retryable failure, then by the next that may answer, but never after the first
token (docs/models.md).
"""

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import replace
from typing import Protocol

from django.db import Error as DatabaseFailure
from django.db import connection

from assistants.llm import chat
from assistants.llm.client import Clients
from assistants.llm.errors import ProviderFailure
from assistants.runs import chain
from assistants.runs.allowance import Allowance
from assistants.runs.job import Job, Outcome, Server
from assistants.runs.publisher import Publisher, RunStream
from usage.holds.types import HoldLost

RETRIES = 2
RETRY_WITHIN_S = 8.0
MAX_RETRY_WAIT_S = 5.0
BACKOFF_S = 0.5
AGAIN_S = 0.5
LIMIT_REACHED = "limit"
OF_THE_SERVER = frozenset(
    {
        "provider_key_refused",
        "provider_out_of_credit",
        "provider_model_missing",
        "provider_host_refused",
    }
)
"""What a workspace's own access may fail with although another would answer: its key, its account, its models."""
logger = logging.getLogger(__name__)


class Loop(Protocol):
    """What of the engine a call uses."""

    clients: Clients
    publisher: Publisher


async def call(loop: Loop, job: Job, stream: RunStream, outcome: Outcome) -> None:
    """Of several failures the first model's is told, unless another had begun to answer."""
    told: ProviderFailure | None = None
    for number, server in enumerate(job.servers):
        if number and not await _turn_to(job, server, outcome):
            continue
        failure = await _ask(loop, job, server, stream, outcome)
        if failure is None:
            return
        told = failure if stream.is_begun else told or failure
        if stream.is_begun or not _may_another(failure, server):
            break
    if told is not None and not outcome.is_lost:
        outcome.fail(told)


def _may_another(failure: ProviderFailure, server: Server) -> bool:
    return failure.retryable or (server.endpoint.is_own and failure.code in OF_THE_SERVER)


async def _ask(
    loop: Loop, job: Job, server: Server, stream: RunStream, outcome: Outcome
) -> ProviderFailure | None:
    """One server, as often as it makes sense. None when it answered to the end."""
    outcome.server = server
    started = time.monotonic()
    for number in range(RETRIES + 1):
        try:
            await _once(loop, job, server, stream, outcome)
        except ProviderFailure as failure:
            wait = wait_before_next(failure, number, time.monotonic() - started)
            if stream.is_begun or wait is None:
                return failure
            await asyncio.sleep(wait)
        else:
            break
    return None


def wait_before_next(failure: ProviderFailure, number: int, spent_s: float) -> float | None:
    """Seconds before the same server is asked once more after its `number`th answer, from 0; None: it is not."""
    wait = failure.retry_after_s if failure.retry_after_s is not None else BACKOFF_S * 2**number
    in_time = spent_s + wait < RETRY_WITHIN_S and wait <= MAX_RETRY_WAIT_S
    return wait if failure.retryable and in_time and number < RETRIES else None


async def _once(loop: Loop, job: Job, server: Server, stream: RunStream, outcome: Outcome) -> None:
    tally = chat.Tally()
    allowance = Allowance(job, is_watched=server.endpoint.is_own)
    request = replace(job.request, model=server.endpoint.model, cap_field=server.endpoint.cap_field)
    client = loop.clients.of(server.access)
    try:
        async with contextlib.aclosing(chat.stream(client, request, tally)) as deltas:
            async for delta in deltas:
                if delta.text:
                    loop.publisher.add_text(stream, delta.text)
                if delta.tool_calls:
                    loop.publisher.add_tool_calls(stream, delta.tool_calls)
                if not await allowance.spend(delta.text or json.dumps(delta.tool_calls)):
                    tally.finish_reason = "length" if allowance.is_overrun else LIMIT_REACHED
                    break
    finally:
        outcome.usage = tally.usage
        outcome.answered_by = tally.model
        outcome.finish_reason = "refusal" if tally.is_refusal else tally.finish_reason


async def _turn_to(job: Job, server: Server, outcome: Outcome) -> bool:
    """Books the run under the server that is asked next. False when it may not be, or the run is not ours any more."""

    def turn() -> bool:
        try:
            return chain.turn_to(
                workspace_id=job.workspace_id,
                run_id=job.run_id,
                attempt=job.attempt,
                endpoint=server.endpoint,
            )
        finally:
            connection.close()

    while not outcome.is_lost:
        try:
            return await asyncio.to_thread(turn)
        except HoldLost:
            outcome.is_lost = True
        except DatabaseFailure:
            logger.warning("another model was not booked; trying again")
            await asyncio.sleep(AGAIN_S)
    return False
