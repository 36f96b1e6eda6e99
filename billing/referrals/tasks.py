"""Celery entry points of invitations."""

from typing import Any

from celery import shared_task

from billing.referrals import crediting


@shared_task(name="billing.tasks.credit_referrals", queue="billing", soft_time_limit=300, time_limit=330)
def credit_referrals(**_: Any) -> None:
    """Puts on balances what is due. What fails stays due."""
    crediting.credit_due()
