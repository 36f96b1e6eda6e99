"""What becomes of a plan when its workspace is deleted."""

import logging
from uuid import UUID

from django.db import transaction

from billing import log
from billing.stripe import sync
from billing.subscriptions import moves, queries
from billing.subscriptions.models import BillingAccount
from config.errors import DomainError
from tenants import audit
from tenants.lifecycle.inventory import Fate, Line

logger = logging.getLogger(__name__)
REASON = "workspace_deletion"


def stop_renewal(*, workspace_id: UUID) -> None:
    """The answer to the port `workspace_closing`: the plan ends with what is paid for. Resuming it is the owners' wish.

    Raises nothing: what could not be said now is said within the hour, and the erasure ends the plan in any case.
    """
    account = queries.find_account(workspace_id)
    if account is None or not queries.is_running(account) or account.cancels_at is not None:
        return
    try:
        if account.schedule_id:
            moves.release(account.schedule_id)
        moves.end_at_period_end(account, reason="other", comment="")
        _record("plan.cancelled", account)
        sync.sync_customer(str(account.stripe_customer_id), cause="plan.cancelled")
    except DomainError as error:
        logger.warning(
            "a plan could not be kept from being renewed",
            extra={"workspace_id": str(workspace_id), "code": error.code},
        )


def _record(what: str, account: BillingAccount) -> None:
    """In the billing log and, like every change of a plan, in the audit log."""
    target = ("subscription", account.subscription_id)
    with transaction.atomic():
        audit.record(
            what, actor=audit.SYSTEM, workspace_id=account.workspace_id, target=target, reason=REASON
        )
        log.record(what, workspace_id=account.workspace_id, reason=REASON)


def inventory_of(workspace_id: UUID) -> list[Line]:
    """Three queries at most."""
    account = queries.find_account(workspace_id)
    lines = [
        Line("invoices", queries.invoices_of(workspace_id).count(), Fate.KEPT, "The law wants them kept.")
    ]
    if account is None or not queries.is_running(account) or account.plan is None:
        return lines
    ends = f" on {account.period_end:%-d %B %Y}" if account.period_end else ""
    note = f"{account.plan.name} is not renewed: it ends with what is paid for{ends}, or with the erasure."
    return [Line("paid plan", 1, Fate.ENDED, f"{note} Nothing is paid back."), *lines]
