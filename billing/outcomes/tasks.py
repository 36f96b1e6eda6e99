"""Celery entry points of contracts."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from billing.outcomes import invoicing, queries
from billing.stripe.client import PaymentServiceUnavailable

LATE = timedelta(minutes=2)
BATCH = 50


@shared_task(
    name="billing.tasks.invoice_milestone",
    queue="billing",
    soft_time_limit=120,
    time_limit=150,
    autoretry_for=(PaymentServiceUnavailable,),
    retry_backoff=10,
    max_retries=3,
)
def invoice_milestone(*, milestone_id: int, **_: Any) -> None:
    invoicing.invoice(milestone_id)


@shared_task(name="billing.tasks.invoice_milestones", queue="billing", soft_time_limit=50, time_limit=60)
def invoice_milestones(**_: Any) -> None:
    """Those whose own task did not get to it: one task each, so that a refused one hinders no other."""
    for milestone_id in queries.list_uninvoiced(reached_before=timezone.now() - LATE, most=BATCH):
        invoice_milestone.delay(milestone_id=milestone_id)
