"""Celery entry points of plans."""

from typing import Any
from uuid import UUID

from celery import shared_task

from billing.plans import custom
from billing.stripe.client import PaymentServiceUnavailable


@shared_task(
    name="billing.tasks.give_custom_plan",
    queue="billing",
    soft_time_limit=120,
    time_limit=150,
    autoretry_for=(PaymentServiceUnavailable,),
    retry_backoff=10,
    max_retries=8,
)
def give_custom_plan(*, plan_id: str, **_: Any) -> None:
    """Staff can ask for it again where it failed for good (the plan's page)."""
    custom.give(UUID(plan_id))
