"""Celery entry points of one-off deals."""

from typing import Any

from celery import shared_task

from billing.deals import refunds, services


@shared_task(name="billing.tasks.release_deals", queue="billing", soft_time_limit=60, time_limit=90)
def release_deals(**_: Any) -> None:
    """Gives back places whose checkout has ended without a payment."""
    services.release_due()


@shared_task(name="billing.tasks.refund_deals", queue="billing", soft_time_limit=300, time_limit=330)
def refund_deals(**_: Any) -> None:
    refunds.refund_due()
