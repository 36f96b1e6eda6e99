"""One call of the model: again after a retryable failure, but never after the first token."""

import asyncio
import contextlib
import json
import time

from assistants.llm import chat
from assistants.llm.client import Client
from assistants.llm.errors import ProviderFailure
from assistants.runs.allowance import Allowance
from assistants.runs.job import Job, Outcome
from assistants.runs.publisher import Publisher, RunStream

RETRIES = 2
RETRY_WITHIN_S = 8.0
MAX_RETRY_WAIT_S = 5.0
BACKOFF_S = 0.5
LIMIT_REACHED = "limit"


async def call(client: Client, publisher: Publisher, job: Job, stream: RunStream, outcome: Outcome) -> None:
    started = time.monotonic()
    for number in range(RETRIES + 1):
        try:
            await _once(client, publisher, job, stream, outcome)
        except ProviderFailure as failure:
            wait = failure.retry_after_s if failure.retry_after_s is not None else BACKOFF_S * 2**number
            in_time = time.monotonic() - started + wait < RETRY_WITHIN_S and wait <= MAX_RETRY_WAIT_S
            if stream.is_begun or not failure.retryable or not in_time or number == RETRIES:
                outcome.fail(failure)
                return
            await asyncio.sleep(wait)
        else:
            return


async def _once(client: Client, publisher: Publisher, job: Job, stream: RunStream, outcome: Outcome) -> None:
    tally = chat.Tally()
    allowance = Allowance(job)
    try:
        async with contextlib.aclosing(chat.stream(client, job.request, tally)) as deltas:
            async for delta in deltas:
                if delta.text:
                    publisher.add_text(stream, delta.text)
                if delta.tool_calls:
                    publisher.add_tool_calls(stream, delta.tool_calls)
                if not await allowance.spend(delta.text or json.dumps(delta.tool_calls)):
                    tally.finish_reason = LIMIT_REACHED
                    break
    finally:
        outcome.usage = tally.usage
        outcome.answered_by = tally.model
        outcome.finish_reason = "refusal" if tally.is_refusal else tally.finish_reason
