"""Celery entry points of runs."""

from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready

from assistants.llm import tokens
from assistants.runs import turns
from assistants.runs.engine import get_engine

QUEUE = "llm"


@shared_task(name="assistants.runs.tasks.execute_run", queue=QUEUE)
def execute_run(*, workspace_id: str, run_id: str, **_: Any) -> None:
    """Deadline and stop live inside the run: a thread pool enforces no time limits."""
    turns.execute(workspace_id=UUID(workspace_id), run_id=UUID(run_id))


@worker_ready.connect(weak=False)
def prepare_process(sender: Any, **_: Any) -> None:
    """A worker of the llm queue loads its clients and vocabulary before the first person waits for them."""
    if any(queue.name == QUEUE for queue in sender.task_consumer.queues):
        get_engine()
        tokens.warm_up()
