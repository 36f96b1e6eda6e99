"""Celery entry points of the simulated payments; known to the worker only where payments are simulated."""

import time
from typing import Any

from celery import shared_task
from django.conf import settings

from billing.simulator.delivery import services as deliveries
from billing.simulator.transport import get_core, get_store

WEBHOOK_PATH = "/webhooks/stripe/"
BUSY_S = 30


@shared_task(
    name="billing.simulator.tasks.deliver_events", queue="billing", soft_time_limit=50, time_limit=60
)
def deliver_events(**_: Any) -> None:
    """Lets happen what is due by the service's clock, then POSTs what waits, one event after the other.

    Several may do so at once: each takes its own."""
    get_core().tick()
    # What is refused comes again in a later run, however long this one takes.
    now = int(time.time())
    ends_at_s = time.monotonic() + BUSY_S
    while time.monotonic() < ends_at_s and deliveries.deliver_next(
        get_store(),
        url=settings.BASE_URL + WEBHOOK_PATH,
        secret=settings.STRIPE_WEBHOOK_SECRETS[0],
        now=now,
    ):
        pass
