"""What our account of a customer must say, given the payment service's present state: a function of nothing else.

Two exceptions are set once and kept: since when a payment is missing, where no invoice says so, and until when grace
lasts, which staff may lengthen.
"""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from billing.plans import queries as plans
from billing.plans.models import Plan
from billing.stripe.state import CustomerState, ItemState, SubscriptionState
from billing.subscriptions.models import BillingAccount

logger = logging.getLogger(__name__)
Status = BillingAccount.Status
OWING = frozenset({"past_due", "unpaid"})
Fields = dict[str, Any]


def fields_of(account: BillingAccount, state: CustomerState, *, now: datetime) -> Fields:
    """The new value of each field that Stripe decides. `now` is when it was looked."""
    return {
        "stripe_customer_id": None if state.is_deleted else state.id,
        **_subscription(state.subscription),
        **_debt(account, state, now),
        "payment_method": dict(state.payment_method),
        "balance_minor": state.balance_minor,
        "action_url": next((row.hosted_url for row in state.invoices if row.needs_action), ""),
    }


def changes(account: BillingAccount, wanted: Fields) -> dict[str, tuple[str, str]]:
    """Field → what it is and what it must be, as text. Plans are compared by id."""
    return {
        name: (as_text(getattr(account, name)), as_text(value))
        for name, value in wanted.items()
        if getattr(account, name) != value
    }


def as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Plan):
        return f"{value.key} {value.version}"
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, sort_keys=True) if isinstance(value, dict) else str(value)


def _subscription(row: SubscriptionState | None) -> Fields:
    if row is None:
        return {
            "subscription_id": "", "schedule_id": "", "status": Status.NONE, "plan": None, "interval": "",
            "quantity": 1, "period_start": None, "period_end": None, "trial_ends_at": None, "cancels_at": None,
            "pending_plan": None, "pending_interval": "", "pending_at": None,
        }  # fmt: skip
    item, plan = _sold(row)
    return {
        "subscription_id": row.id,
        "schedule_id": row.schedule_id,
        "status": Status(row.status),
        "plan": plan,
        "interval": item.interval if item else "",
        "quantity": item.quantity if item else 1,
        "period_start": item.period_start if item else None,
        "period_end": item.period_end if item else None,
        "trial_ends_at": row.trial_ends_at,
        "cancels_at": row.cancels_at,
        **_pending(row, plan, item),
    }


def _sold(row: SubscriptionState) -> tuple[ItemState | None, Plan | None]:
    """The item that is a plan's price; without one the first that has a quantity, and no plan."""
    licensed = [item for item in row.items if not item.is_metered] or list(row.items)
    for item in licensed:
        found = plans.plan_of_stripe_price(item.price_id)
        if found is not None:
            return item, found[0]
    logger.error("a subscription is for no plan of ours", extra={"subscription_id": row.id})
    return (licensed[0] if licensed else None), None


def _pending(row: SubscriptionState, plan: Plan | None, item: ItemState | None) -> Fields:
    """What the schedule brings, unless it is what there is."""
    for price_id in row.next_phase.price_ids if row.next_phase else ():
        found = plans.plan_of_stripe_price(price_id)
        if found is not None and row.next_phase is not None:
            next_plan, price = found
            if (next_plan, price.interval) == (plan, item.interval if item else ""):
                break
            return {
                "pending_plan": next_plan,
                "pending_interval": price.interval,
                "pending_at": row.next_phase.begins_at,
            }
    return {"pending_plan": None, "pending_interval": "", "pending_at": None}


def _debt(account: BillingAccount, state: CustomerState, now: datetime) -> Fields:
    """Since the oldest unpaid invoice was due: it must not matter when we heard of it. Paid, all is forgotten."""
    if state.subscription is None or state.subscription.status not in OWING:
        return {"past_due_since": None, "grace_ends_at": None, "restricted_at": None}
    due = [row.due_at or row.finalized_at or row.created_at for row in state.unpaid_invoices]
    since = min(due, default=account.past_due_since or now)
    if since == account.past_due_since and account.grace_ends_at is not None:
        return {"past_due_since": since}
    return {
        "past_due_since": since,
        "grace_ends_at": since + timedelta(days=settings.BILLING_GRACE_DAYS),
    }
