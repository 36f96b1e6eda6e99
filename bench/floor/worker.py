"""The floor's worker: the product's streaming engine behind Celery. No database, no lease, no ledger."""

import functools
import time
from dataclasses import asdict
from typing import Any
from uuid import UUID

import django
from celery import Celery
from celery.signals import worker_ready
from kombu import Queue

django.setup()

from django.conf import settings  # noqa: E402

from assistants.llm import catalogue  # noqa: E402
from assistants.llm.chat import ChatRequest  # noqa: E402
from assistants.runs.engine import Engine  # noqa: E402
from assistants.runs.job import Job, Server  # noqa: E402
from config.celery import app as product  # noqa: E402

QUEUE = "floor"

app = Celery("floor", broker=settings.CELERY_BROKER_URL)
app.conf.update(
    task_queues=[Queue(QUEUE)],
    task_ignore_result=True,
    worker_prefetch_multiplier=product.conf.worker_prefetch_multiplier,
    worker_hijack_root_logger=False,
    broker_transport_options=product.conf.broker_transport_options,
)


@functools.cache
def engine() -> Engine:
    """Without the housekeeping, which renews leases that do not exist here."""
    made = Engine()
    made.start()
    return made


@app.task(name="floor.answer", queue=QUEUE)
def answer(*, caller: str, call: str, body: dict[str, Any]) -> None:
    request = ChatRequest(
        model=body["model"],
        messages=body["messages"],
        max_output_tokens=body.get("max_completion_tokens", 2048),
        request_id=f"{call}-1",
    )
    endpoint = catalogue.platform(request.model)
    servers = (Server(endpoint, catalogue.open_access(endpoint)),)
    job = Job(UUID(caller), UUID(call), 1, request, time.monotonic(), servers, request.max_output_tokens)
    outcome, stream = engine().run(job)
    usage = asdict(outcome.usage) if outcome.usage else None
    engine().finish(stream, {"state": outcome.state, "usage": usage, "text": outcome.text})


@worker_ready.connect(weak=False)
def prepare_process(sender: Any, **_: Any) -> None:
    engine()
