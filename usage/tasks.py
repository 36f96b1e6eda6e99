"""Celery entry points of `usage`."""

import logging
from collections import deque
from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from config import ports
from usage.holds import queries
from usage.holds import services as holds
from usage.holds.types import DueHold
from usage.limits import mails
from usage.models import Hold
from usage.receipts import queries as receipts_queries
from usage.receipts import services as receipts
from usage.receipts.models import LogKind
from usage.reconciliation import services as reconciliation
from usage.rerating import services as rerating
from usage.rollups import services as rollups
from usage.spend import services as spend
from usage.statements import services as statements

logger = logging.getLogger(__name__)


@shared_task(name="usage.tasks.sweep_leases", queue="default", soft_time_limit=60, time_limit=90)
def sweep_leases(**_: Any) -> None:
    """Looks at the one table of holds: lets waiting ones in, ends those whose time is over, starts lost runs again."""
    for order in queries.list_stop_orders(queries.list_all_waiting()):
        ports.hold_decided(hold_id=order.hold_id, workspace_id=order.workspace_id, refusal=order.reason)
    for workspace_id in queries.list_workspaces_waiting():
        holds.let_in_waiting(workspace_id)
    for due in queries.list_due():
        try:
            outcome = _sweep(due)
        except Exception:
            # One broken run must not keep the others from being swept; it stays due and is logged each time.
            logger.exception("a due hold could not be swept", extra={"run_id": str(due.hold_id)})
        else:
            if outcome != "kept":
                logger.info("a due hold was swept", extra={"run_id": str(due.hold_id), "outcome": outcome})


def _sweep(due: DueHold) -> str:
    if due.state != Hold.State.WAITING:
        return ports.close_expired_hold(
            hold_id=due.hold_id, workspace_id=due.workspace_id, attempt=due.attempt
        )
    refusal = due.refusal or "quota_busy"
    ports.hold_decided(hold_id=due.hold_id, workspace_id=due.workspace_id, refusal=refusal)
    return "closed"


@shared_task(name="usage.tasks.mail_notices", queue="default", soft_time_limit=60, time_limit=90)
def mail_notices(**_: Any) -> None:
    """Mails quota notices that were not mailed yet; each once."""
    mails.send_due()


@shared_task(name="usage.tasks.write_statements", queue="default", soft_time_limit=1500, time_limit=1560)
def write_statements(**_: Any) -> None:
    """Writes and mails the statements of the month that is over. The first run of a month does all the work."""
    statements.write_due()
    statements.mail_due()


@shared_task(name="usage.tasks.close_books", queue="default", soft_time_limit=3000, time_limit=3060)
def close_books(**_: Any) -> None:
    """Closes yesterday, by UTC, for every workspace."""
    reconciliation.close(day=reconciliation.yesterday())


@shared_task(name="usage.tasks.check_invariants", queue="default", soft_time_limit=240, time_limit=270)
def check_invariants(**_: Any) -> None:
    """What must always be true, in the windows that began lately; the nightly closing looks at all of them."""
    reconciliation.check_recent()


@shared_task(name="usage.tasks.continue_corrections", queue="default", soft_time_limit=600, time_limit=660)
def continue_corrections(**_: Any) -> None:
    """Does the corrections that were begun and not finished; each batch stands by itself."""
    for correction_id in rerating.list_running():
        deque(rerating.run(correction_id), maxlen=0)


@shared_task(name="usage.tasks.fold_rollups", queue="default", soft_time_limit=600, time_limit=660)
def fold_rollups(**_: Any) -> None:
    """Adds new ledger entries to the daily and hourly sums."""
    rollups.fold()


@shared_task(name="usage.tasks.watch_spend", queue="default", soft_time_limit=60, time_limit=90)
def watch_spend(**_: Any) -> None:
    """Stops model calls where more was spent within an hour than staff's alarm allows."""
    spend.watch(now=timezone.now())


@shared_task(name="usage.tasks.sequence_log", queue="default", soft_time_limit=120, time_limit=150)
def sequence_log(*, workspace_id: str, kind: str, **_: Any) -> None:
    """Gives numbers to what was committed to a log. Any number of these may run at once."""
    receipts.sequence(UUID(workspace_id), LogKind(kind))


@shared_task(name="usage.tasks.sequence_logs", queue="default", soft_time_limit=120, time_limit=150)
def sequence_logs() -> None:
    """The same for every log in which something waits: what a lost wake-up left, and audit entries."""
    for workspace_id, kind in receipts_queries.list_waiting_logs():
        try:
            receipts.sequence(workspace_id, kind)
        except Exception:
            # One broken log must not keep the others from being numbered; it waits on and is logged each time.
            logger.exception("a log could not be numbered", extra={"workspace_id": str(workspace_id)})


@shared_task(name="usage.tasks.mail_checkpoints", queue="default", soft_time_limit=60, time_limit=90)
def mail_checkpoints(*, workspace_id: str, only_news: bool = True, **_: Any) -> None:
    receipts.mail_checkpoints(UUID(workspace_id), only_news=only_news)


@shared_task(name="usage.tasks.mail_all_checkpoints", queue="default", soft_time_limit=120, time_limit=150)
def mail_all_checkpoints() -> None:
    """Daily: one task for each workspace, so that a mail that fails is one workspace's."""
    for workspace_id in receipts_queries.list_logged_workspaces():
        mail_checkpoints.delay(workspace_id=str(workspace_id))
