"""Which effects a customer's present state calls for, each claimed by its business key.

They follow from the state, not from events: an event that never came costs nothing but time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from billing import effects, grants, log
from billing.stripe.state import CustomerState
from billing.subscriptions.models import BillingAccount, Grant

OF_A_CHANGE = frozenset(
    {"plan", "interval", "quantity", "cancels_at", "pending_plan", "pending_interval", "pending_at"}
)


@dataclass(frozen=True)
class Due:
    """`kind` is also the billing log's."""

    key: str
    kind: str
    run: Callable[[], None]
    data: dict[str, Any] = field(default_factory=dict)


def settle(account: BillingAccount, state: CustomerState, changed: set[str], *, cause: str) -> list[str]:
    """Runs what is due and was not claimed yet; returns its keys. In the caller's transaction, which has locked
    `account`. One query when nothing is new."""
    due = list(_list_due(account, state, changed))
    claimed = set(Grant.objects.filter(key__in=[row.key for row in due]).values_list("key", flat=True))
    done = []
    for row in due:
        if row.key not in claimed and grants.claim(
            row.key, workspace_id=account.workspace_id, kind=row.kind, **row.data
        ):
            log.record(row.kind, workspace_id=account.workspace_id, cause=cause, **row.data)
            row.run()
            done.append(row.key)
    return done


def settle_trial_end(account: BillingAccount, state: CustomerState, *, cause: str) -> list[str]:
    """The one effect that an event calls for: no state says that three days are left. As `settle`."""
    subscription = state.subscription
    if subscription is None or subscription.trial_ends_at is None:
        return []
    ends_at = subscription.trial_ends_at
    key = f"trial.will_end:{subscription.id}:{ends_at:%Y%m%dT%H%M%S}"
    data: dict[str, Any] = {"subscription": subscription.id, "ends_at": ends_at.isoformat()}
    if not grants.claim(key, workspace_id=account.workspace_id, kind="trial.will_end", **data):
        return []
    log.record("trial.will_end", workspace_id=account.workspace_id, cause=cause, **data)
    effects.trial_will_end(account, subscription)
    return [key]


def _list_due(account: BillingAccount, state: CustomerState, changed: set[str]) -> Iterator[Due]:
    """In the order in which they would have happened."""
    yield from _started(account, state)
    yield from _invoices(account, state)
    yield from _sessions(account, state)
    yield from _changed(account, state, changed)
    yield from _ended(account, state)


def _started(account: BillingAccount, state: CustomerState) -> Iterator[Due]:
    for row in state.subscriptions:
        if row.has_begun:
            run = partial(effects.subscription_started, account, row)
            yield Due(f"subscription.started:{row.id}", "subscription.started", run, {"subscription": row.id})


def _ended(account: BillingAccount, state: CustomerState) -> Iterator[Due]:
    for row in state.subscriptions:
        if row.status == "canceled":
            run = partial(effects.subscription_ended, account, row)
            reason = row.cancellation.get("reason") or ""
            data = {"subscription": row.id, "reason": reason}
            yield Due(f"subscription.ended:{row.id}", "subscription.ended", run, data)


def _changed(account: BillingAccount, state: CustomerState, changed: set[str]) -> Iterator[Due]:
    """The lock lets one look alone see the difference; its number makes the key."""
    row = state.subscription
    if row is not None and row.has_begun and changed & OF_A_CHANGE and "subscription_id" not in changed:
        run = partial(effects.subscription_changed, account, row)
        key = f"subscription.changed:{row.id}:{account.applied_token}"
        data = {"subscription": row.id, "changed": sorted(changed & OF_A_CHANGE)}
        yield Due(key, "subscription.changed", run, data)


def _invoices(account: BillingAccount, state: CustomerState) -> Iterator[Due]:
    for row in sorted(state.invoices, key=lambda row: (row.created_at, row.id)):
        data = {"invoice": row.id, "number": row.number, "currency": row.currency}
        if row.status == "paid":
            paid = data | {"amount_minor": row.amount_paid_minor}
            run = partial(effects.invoice_paid, account, row)
            yield Due(f"invoice.paid:{row.id}", "invoice.paid", run, paid)
        elif row.has_failed:
            failed = data | {"amount_minor": row.amount_remaining_minor, "attempt": row.attempt_count}
            run = partial(effects.invoice_failed, account, row)
            yield Due(f"invoice.failed:{row.id}:{row.attempt_count}", "invoice.failed", run, failed)


def _sessions(account: BillingAccount, state: CustomerState) -> Iterator[Due]:
    for row in state.sessions:
        if row.is_paid:
            run = partial(effects.session_completed, account, row)
            data = {"session": row.id, "mode": row.mode}
            yield Due(f"checkout.completed:{row.id}", "checkout.completed", run, data)
