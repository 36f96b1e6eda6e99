"""Celery entry points of `usage`."""

import logging

from celery import shared_task

from config import ports
from usage.holds import queries

logger = logging.getLogger(__name__)


@shared_task(name="usage.tasks.sweep_leases", queue="default", soft_time_limit=60, time_limit=90)
def sweep_leases() -> None:
    """Looks at the one table of holds for leases that ran out and lets the run's owner start it again or close it."""
    for due in queries.list_due():
        try:
            outcome = ports.close_expired_hold(
                hold_id=due.hold_id, workspace_id=due.workspace_id, attempt=due.attempt
            )
        except Exception:
            # One broken run must not keep the others from being swept; it stays due and is logged each time.
            logger.exception("a due hold could not be swept", extra={"run_id": str(due.hold_id)})
        else:
            if outcome != "kept":
                logger.info("a due hold was swept", extra={"run_id": str(due.hold_id), "outcome": outcome})
