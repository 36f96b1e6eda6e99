"""What follows the end of a run, by its kind: a title, things to remember, the next question in the queue.

Each is told of the run after its end is committed, outside the transaction, and enqueues a task of its own: a lost
wake-up must cost nothing that cannot be made up for (a title, an extraction that the next one includes).
"""

import logging
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from kombu.exceptions import OperationalError as BrokerError

from assistants.models import Run
from tenants.scope import current_workspace

Follower = Callable[[UUID, Run], None]
_followers: dict[str, list[Follower]] = defaultdict(list)
logger = logging.getLogger(__name__)


def follow(kind: Run.Kind, follower: Follower) -> None:
    """`follower(workspace_id, run)` is called for every run of `kind` that ended. For AppConfig.ready()."""
    if follower not in _followers[kind]:
        _followers[kind].append(follower)


def enqueue(task: Any, ids: dict[str, str], *, countdown: int = 0) -> None:
    """A broker that is away costs what can be made up for, never the run."""
    try:
        task.apply_async(kwargs=ids, countdown=countdown or None)
    except BrokerError:
        logger.warning("what follows a run was not enqueued", extra={"task": task.name})


def run_ended(run: Run) -> None:
    """In the transaction that ends it. A follower that fails is logged by Django and stops no other."""
    for follower in _followers[run.kind]:
        transaction.on_commit(partial(follower, current_workspace().id, run), robust=True)
