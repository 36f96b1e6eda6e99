"""What an answer is made of: one call of the model, or several with tools between them. Runs on the worker's loop."""

from typing import Protocol

from assistants.llm.client import Client
from assistants.runs import attempts
from assistants.runs.job import Job, Outcome
from assistants.runs.publisher import Publisher, RunStream


class Loop(Protocol):
    """What of the engine a round uses."""

    client: Client
    publisher: Publisher


async def answer(loop: Loop, job: Job, stream: RunStream, outcome: Outcome) -> None:
    await attempts.call(loop.client, loop.publisher, job, stream, outcome)
