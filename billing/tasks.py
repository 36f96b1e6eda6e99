"""Celery entry points of billing: ids in, one service, safe to run twice."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from billing import dunning
from billing.deals import tasks as deals_tasks  # noqa: F401  registers its tasks
from billing.metering import tasks as metering_tasks  # noqa: F401  registers its tasks
from billing.outcomes import tasks as outcomes_tasks  # noqa: F401
from billing.plans import tasks as plans_tasks  # noqa: F401
from billing.reconciliation import services as reconciliation
from billing.referrals import tasks as referrals_tasks  # noqa: F401  registers its tasks
from billing.seats import tasks as seats_tasks  # noqa: F401  registers its tasks
from billing.subscriptions import tasks as subscriptions_tasks  # noqa: F401  registers its tasks
from billing.webhooks import services as webhooks


@shared_task(name="billing.tasks.process_event", queue="billing", soft_time_limit=80, time_limit=100)
def process_event(*, event_id: str, **_: Any) -> None:
    webhooks.process(event_id)


@shared_task(name="billing.tasks.retry_events", queue="billing", soft_time_limit=50, time_limit=60)
def retry_events(**_: Any) -> None:
    """Wakes what failed and is due again, and what was never begun."""
    webhooks.retry_due()


@shared_task(name="billing.tasks.reconcile_billing", queue="billing", soft_time_limit=3000, time_limit=3060)
def reconcile_billing(**_: Any) -> None:
    """Compares every account with the payment service and sets right what differs; forgets old events."""
    reconciliation.reconcile()
    webhooks.forget_old()


@shared_task(name="billing.tasks.remind", queue="billing", soft_time_limit=600, time_limit=660)
def remind(**_: Any) -> None:
    """Trials that end, payments that stay away, cards that expire: each told once."""
    now = timezone.now()
    dunning.remind_of_trials(now=now)
    dunning.remind_of_grace(now=now)
    dunning.remind_of_cards(now=now)


@shared_task(name="billing.tasks.restrict_due", queue="billing", soft_time_limit=600, time_limit=660)
def restrict_due(**_: Any) -> None:
    """Makes workspaces read-only whose grace is over."""
    dunning.restrict_due(now=timezone.now())
