"""Who works on a job: one worker at a time, under a lease. Who lost it writes nothing more."""

from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from accounts.privacy.models import OPEN, Job

LEASE = timedelta(minutes=3)
"""Longer than anything that is done between two renewals."""
UNSEEN = timedelta(seconds=30)
"""A queued job that no worker took by then lost its wake-up."""
J = TypeVar("J", bound=Job)


class LeaseLost(Exception):
    """Another worker has the job by now."""


def claim(model: type[J], job_id: UUID) -> J | None:
    """The job with a new attempt; None when it is over or somebody works on it."""
    now = timezone.now()
    free = Q(lease_expires_at=None) | Q(lease_expires_at__lte=now)
    taken = model._default_manager.filter(free, id=job_id, state__in=OPEN).update(
        attempt=F("attempt") + 1, lease_expires_at=now + LEASE, state=Job.State.RUNNING
    )
    return model._default_manager.get(id=job_id) if taken else None


def renew(job: Job, *, progress: int | None = None) -> None:
    """Raises LeaseLost."""
    shown = {} if progress is None else {"progress": progress}
    write(job, lease_expires_at=timezone.now() + LEASE, **shown)


def write(job: Job, **fields: Any) -> None:
    """Raises LeaseLost."""
    mine = type(job)._default_manager.filter(id=job.id, attempt=job.attempt, state=Job.State.RUNNING)
    if not mine.update(**fields):
        raise LeaseLost
    for name, value in fields.items():
        setattr(job, name, value)


def give_back(job: Job, *, until: datetime) -> None:
    """Nobody works on it before `until`."""
    write(job, lease_expires_at=until)


def list_due(model: type[J], *, now: datetime) -> list[UUID]:
    """What a dead worker left, and what lost its wake-up."""
    left = Q(state=Job.State.RUNNING, lease_expires_at__lte=now)
    unseen = Q(state=Job.State.QUEUED, created_at__lte=now - UNSEEN)
    rows = model._default_manager.filter(left | unseen).order_by("created_at")
    return list(rows.values_list("id", flat=True)[:100])
