"""Celery entry points of billing's mails."""

from typing import Any

from celery import shared_task

from billing.mails import services


@shared_task(
    name="billing.tasks.send_mail",
    queue="billing",
    soft_time_limit=60,
    time_limit=90,
    autoretry_for=(OSError,),
    retry_backoff=10,
    max_retries=3,
)
def send_mail(*, key: str, **_: Any) -> None:
    services.send(key)


@shared_task(name="billing.tasks.send_mails", queue="billing", soft_time_limit=240, time_limit=270)
def send_mails(**_: Any) -> None:
    """What the tasks of the commits did not send: the broker or the mail server was away."""
    services.send_due()
