"""Tells the worker that there are events to deliver; beat would find them a few seconds later."""

import logging

from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import OperationalError as BrokerError

logger = logging.getLogger(__name__)

TASK = "billing.simulator.tasks.deliver_events"
QUEUE = "billing"
EXPIRES_S = 60


def wake() -> None:
    """When the caller's transaction commits: what the events speak of may stand in it. Rolled back: beat does."""
    if connection.in_atomic_block:
        transaction.on_commit(_enqueue)
    else:
        _enqueue()


def _enqueue() -> None:
    # By its name: the task itself needs the service that calls this.
    try:
        current_app.send_task(TASK, queue=QUEUE, expires=EXPIRES_S)
    except BrokerError:
        logger.warning("the worker was not woken to deliver events; beat will")
