"""The next charge of a subscription, as the payment service reckons it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.cache import cache

from billing.stripe.client import (
    PaymentRequestRefused,
    PaymentServiceUnavailable,
    get_client,
    payment_errors,
)
from billing.subscriptions import queries
from billing.subscriptions.models import BillingAccount

KEPT_S = 3600


@dataclass(frozen=True)
class NextCharge:
    """`is_estimate`: by the list price, without discounts, taxes, credit and use."""

    amount_minor: int
    currency: str
    at: datetime | None
    is_estimate: bool


def next_charge(account: BillingAccount) -> NextCharge | None:
    """None when nothing will be charged. Asked once for each state of the account, and kept for an hour."""
    if not _will_charge(account):
        return None
    key = f"billing-next-charge:{account.workspace_id}:{account.applied_token}"
    amount = cache.get(key)
    if amount is None:
        amount = _ask(account)
        if amount is None:
            return _estimate(account)
        cache.set(key, amount, KEPT_S)
    return NextCharge(amount["minor"], amount["currency"], account.period_end, is_estimate=False)


def _will_charge(account: BillingAccount) -> bool:
    if not queries.is_running(account) or account.cancels_at is not None:
        return False
    ends_with_trial = account.status == BillingAccount.Status.TRIALING and not account.payment_method
    return not ends_with_trial


def _ask(account: BillingAccount) -> dict[str, Any] | None:
    params: Any = {"customer": account.stripe_customer_id, "subscription": account.subscription_id}
    if account.schedule_id:
        params = {"customer": account.stripe_customer_id, "schedule": account.schedule_id}
    try:
        with payment_errors():
            invoice = get_client().v1.invoices.create_preview(params)
    except (PaymentServiceUnavailable, PaymentRequestRefused):
        # A page that cannot say what taxes and discounts make of it still says what the plan costs.
        return None
    return {"minor": invoice.amount_due, "currency": invoice.currency}


def _estimate(account: BillingAccount) -> NextCharge | None:
    plan, interval = account.pending_plan or account.plan, account.pending_interval or account.interval
    if plan is None:
        return None
    price = next(
        (row for row in plan.prices.all() if (row.kind, row.interval) == ("licensed", interval)), None
    )
    if price is None:
        return None
    quantity = account.quantity if plan.is_per_seat else 1
    return NextCharge(price.amount_minor * quantity, plan.currency, account.period_end, is_estimate=True)
