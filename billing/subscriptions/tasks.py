"""Celery entry points of subscriptions: ids in, one service, safe to run twice."""

from typing import Any

from celery import shared_task

from billing.stripe.client import PaymentServiceUnavailable
from billing.subscriptions import services


@shared_task(
    name="billing.end_second_trial",
    queue="billing",
    time_limit=120,
    soft_time_limit=90,
    autoretry_for=(PaymentServiceUnavailable,),
    retry_backoff=10,
    max_retries=8,
)
def end_second_trial(*, subscription_id: str, **_: Any) -> None:
    services.end_second_trial(subscription_id=subscription_id)
