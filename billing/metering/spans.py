"""Since when and until when a workspace is charged by usage. For the effects of a sync, which locks the account."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from billing.metering.models import MeteredSpan
from billing.plans.models import PlanPrice
from billing.plans.publishing import event_name
from billing.stripe.state import SubscriptionState
from billing.subscriptions.models import BillingAccount

Status = BillingAccount.Status
METERED_IN = frozenset({Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID})


def note_subscription(
    account: BillingAccount, subscription: SubscriptionState, *, now: datetime | None = None
) -> None:
    """A subscription began or changed: opens, keeps or replaces the workspace's span, absolutely.

    A subscription is metered from the beginning of its period; one whose plan becomes metered, from now.
    """
    if subscription.id != account.subscription_id:
        return
    at = now or timezone.now()
    meters = meters_of(account)
    present = _open_span(account)
    if present is not None:
        same = (subscription.id, account.stripe_customer_id, meters)
        if (present.subscription_id, present.customer_id, present.meters) == same:
            return
        _close(present, at)
    if meters and account.stripe_customer_id:
        _open(account, meters, at, present)


def note_ended(
    account: BillingAccount, subscription: SubscriptionState, *, now: datetime | None = None
) -> None:
    present = _open_span(account)
    if present is not None and present.subscription_id == subscription.id:
        _close(present, subscription.ended_at or now or timezone.now())


def meters_of(account: BillingAccount) -> dict[str, Any]:
    """What the plan charges by usage; empty for most plans and without a running subscription."""
    if account.plan is None or account.status not in METERED_IN:
        return {}
    rows = PlanPrice.objects.filter(
        plan=account.plan, interval=account.interval or PlanPrice.Interval.MONTH, kind=PlanPrice.Kind.METERED
    )
    return {row.meter: {"event": event_name(row.meter), "per_million": row.amount_minor} for row in rows}


def _open_span(account: BillingAccount) -> MeteredSpan | None:
    rows = MeteredSpan.objects.select_for_update()
    return rows.filter(workspace_id=account.workspace_id, ends_at=None).first()


def _close(span: MeteredSpan, at: datetime) -> None:
    span.ends_at = max(at, span.begins_at)
    span.save(update_fields=["ends_at"])


def _open(account: BillingAccount, meters: dict[str, Any], now: datetime, former: MeteredSpan | None) -> None:
    spans = MeteredSpan.objects.filter(workspace_id=account.workspace_id)
    is_new = not spans.filter(subscription_id=account.subscription_id).exists()
    begins_at = account.period_start if is_new and account.period_start else now
    last_end = spans.order_by("-ends_at").values_list("ends_at", flat=True).first()
    if last_end is not None:
        # Nothing is told twice.
        begins_at = max(begins_at, last_end)
    period_start = begins_at
    if former is not None and former.subscription_id == account.subscription_id:
        # Their period is one at the payment service: it is looked at as one when it ends.
        period_start, former.period_start = former.period_start, former.ends_at or now
        former.save(update_fields=["period_start"])
    MeteredSpan.objects.create(
        workspace_id=account.workspace_id,
        subscription_id=account.subscription_id,
        customer_id=account.stripe_customer_id or "",
        meters=meters,
        currency=account.plan.currency if account.plan else "usd",
        begins_at=begins_at,
        period_start=period_start,
    )
