"""Background work about people. Thin: each calls one service."""

from typing import Any
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from accounts.idempotency import services as idempotency
from accounts.mails import services as mails
from accounts.members import services as members
from accounts.privacy import erasing, exporting
from accounts.privacy import services as privacy


@shared_task(
    name="accounts.tasks.send_mail",
    queue="default",
    time_limit=60,
    soft_time_limit=50,
    autoretry_for=(OSError,),
    retry_backoff=10,
    max_retries=3,
)
def send_mail(*, key: str, **_: Any) -> None:
    mails.send(key)


@shared_task(name="accounts.tasks.forget_invitations", queue="default", time_limit=120, soft_time_limit=110)
def forget_invitations() -> None:
    members.forget_ended(now=timezone.now())


@shared_task(
    name="accounts.tasks.forget_idempotent_calls", queue="default", time_limit=120, soft_time_limit=110
)
def forget_idempotent_calls() -> None:
    idempotency.forget_old(now=timezone.now())


@shared_task(name="accounts.tasks.send_mails", queue="default", time_limit=270, soft_time_limit=240)
def send_mails(**_: Any) -> None:
    """What the tasks of the commits did not send: the broker or the mail server was away."""
    mails.forget_old(now=timezone.now())
    mails.send_due()


@shared_task(name="accounts.tasks.build_export", queue="default", time_limit=3660, soft_time_limit=3600)
def build_export(*, job_id: str, **_: Any) -> None:
    exporting.build(UUID(job_id))


@shared_task(name="accounts.tasks.erase_person", queue="default", time_limit=3660, soft_time_limit=3600)
def erase_person(*, job_id: str, **_: Any) -> None:
    erasing.run(UUID(job_id))


@shared_task(name="accounts.tasks.sweep_privacy", queue="default", time_limit=90, soft_time_limit=60)
def sweep_privacy() -> None:
    """Jobs that lost their worker or their wake-up, and exports whose days are over."""
    privacy.sweep(now=timezone.now())
