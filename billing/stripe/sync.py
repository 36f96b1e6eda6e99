"""A customer's present state at the payment service, applied to our account of it.

No lock is held while the network is asked. Instead each look has a number (`sync_token`), given out before it begins:

1. a look takes the next number, in a statement of its own;
2. it asks the payment service, with no transaction open;
3. it locks the account and applies what it saw absolutely, unless a look with a higher number has been applied.

Why leaving the lower one out loses nothing: every change at the payment service is followed by a look of its own, whose
number is given out after the change. So the look with the highest number began after everything that any event with a
lower number told of, and saw it. What a lower look saw beyond that (it may have been slow and read later) was a change
too, and has its own look with a number higher still, or, when its event is lost, the next reconciliation.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from billing import log
from billing.entitlements import services as entitlements
from billing.stripe import mirror, present, settling
from billing.stripe.state import CustomerState, fetch
from billing.subscriptions.models import BillingAccount
from billing.webhooks.models import Repair
from config.errors import NotFound
from tenants import audit

logger = logging.getLogger(__name__)

BEGIN = """
UPDATE billing_billingaccount SET sync_token = sync_token + 1 WHERE stripe_customer_id = %s
RETURNING workspace_id, sync_token, clock_timestamp()
"""
LOGGED = {
    "customer.changed": ("stripe_customer_id",),
    "subscription.status_changed": ("subscription_id", "status"),
    "subscription.plan_changed": ("plan", "interval", "quantity"),
    "subscription.period_changed": ("period_start", "period_end", "trial_ends_at"),
    "subscription.end_changed": ("cancels_at",),
    "subscription.schedule_changed": ("schedule_id", "pending_plan", "pending_interval", "pending_at"),
    "payment.overdue_changed": ("past_due_since", "grace_ends_at", "restricted_at"),
    "payment.action_changed": ("action_url",),
    "payment_method.changed": ("payment_method",),
    "balance.changed": ("balance_minor",),
}
AUDITED = frozenset({"stripe_customer_id", "status", "plan", "interval", "quantity", "restricted_at"})


class CustomerUnknown(NotFound):
    code = "customer_unknown"
    message = "No workspace has that customer."


@dataclass(frozen=True)
class Look:
    workspace_id: UUID
    token: int
    began_at: datetime


@dataclass(frozen=True)
class Applied:
    """`is_stale`: a later look had been applied, and nothing was done."""

    changes: dict[str, tuple[str, str]]
    effects: list[str]
    is_stale: bool = False


def sync_customer(
    customer_id: str, *, cause: str = "", is_repair: bool = False, trial_will_end: bool = False
) -> list[str]:
    """Looks and applies; returns the names of the fields that changed. Also safe for any number of callers at once.

    `cause` is the event's id, for the log. `is_repair`: each change is also a Repair. Raises CustomerUnknown and what
    `payment_errors` raises. The mirror follows when our own state is committed.
    """
    return list(
        look_and_apply(customer_id, cause=cause, is_repair=is_repair, trial_will_end=trial_will_end).changes
    )


def look_and_apply(
    customer_id: str, *, cause: str = "", is_repair: bool = False, trial_will_end: bool = False
) -> Applied:
    """As `sync_customer`, with all that was done."""
    look = begin_look(customer_id)
    state = fetch(customer_id)
    applied = apply(look, state, cause=cause, is_repair=is_repair, trial_will_end=trial_will_end)
    if not applied.is_stale:
        mirror.copy(state, workspace_id=look.workspace_id)
    elif trial_will_end:
        # No state says so, hence no other look has done it.
        return look_and_apply(customer_id, cause=cause, is_repair=is_repair, trial_will_end=True)
    return applied


def begin_look(customer_id: str) -> Look:
    """Takes the next number. Raises CustomerUnknown."""
    with connection.cursor() as cursor:
        cursor.execute(BEGIN, [customer_id])
        row = cursor.fetchone()
    if row is None:
        raise CustomerUnknown
    return Look(*row)


def apply(
    look: Look,
    state: CustomerState,
    *,
    cause: str = "",
    is_repair: bool = False,
    trial_will_end: bool = False,
) -> Applied:
    """Account, log, effects and entitlements in one transaction."""
    with transaction.atomic():
        account = BillingAccount.objects.select_for_update().get(pk=look.workspace_id)
        if look.token < account.applied_token:
            return Applied({}, [], is_stale=True)
        changes = _write(account, look, state)
        _record(account, changes, cause=cause)
        effects = settling.settle(account, state, set(changes), cause=cause)
        if trial_will_end:
            effects += settling.settle_trial_end(account, state, cause=cause)
        if is_repair:
            _note_repairs(account, changes, effects)
        if changes or effects or is_repair:
            entitlements.refresh(account.workspace_id)
    return Applied(changes, effects)


def differences(customer_id: str) -> dict[str, tuple[str, str]]:
    """Field → ours and theirs, where they differ. Changes nothing."""
    account = BillingAccount.objects.select_related("plan", "pending_plan").get(
        stripe_customer_id=customer_id
    )
    looked_at = account.synced_at or account.created_at
    return present.changes(account, present.fields_of(account, fetch(customer_id), now=looked_at))


def _write(account: BillingAccount, look: Look, state: CustomerState) -> dict[str, tuple[str, str]]:
    wanted = present.fields_of(account, state, now=look.began_at)
    changes = present.changes(account, wanted)
    for name, value in wanted.items():
        setattr(account, name, value)
    account.applied_token, account.synced_at = look.token, look.began_at
    account.save(update_fields=[*changes, "applied_token", "synced_at"])
    return changes


def _record(account: BillingAccount, changes: dict[str, tuple[str, str]], *, cause: str) -> None:
    """One entry in the billing log for each kind of change; in the audit log what decides over rights."""
    for kind, names in LOGGED.items():
        data: dict[str, Any] = {name: list(changes[name]) for name in names if name in changes}
        if data:
            log.record(kind, workspace_id=account.workspace_id, cause=cause, changes=data)
    audited = {name: list(pair) for name, pair in changes.items() if name in AUDITED}
    if audited:
        audit.record(
            "billing.changed",
            actor=audit.SYSTEM,
            workspace_id=account.workspace_id,
            target=("billing_account", account.workspace_id),
            cause=cause,
            changes=audited,
        )


def _note_repairs(account: BillingAccount, changes: dict[str, tuple[str, str]], effects: list[str]) -> None:
    rows = [(name, was, now) for name, (was, now) in changes.items()]
    rows += [("effect", "", key) for key in effects]
    for name, was, now in rows:
        Repair.objects.create(workspace_id=account.workspace_id, field=name, was=was, now=now)
        log.record("billing.repaired", workspace_id=account.workspace_id, field=name, was=was, now=now)
    if rows:
        names = sorted({name for name, _, _ in rows})
        logger.warning(
            "billing was repaired", extra={"workspace_id": str(account.workspace_id), "fields": names}
        )
