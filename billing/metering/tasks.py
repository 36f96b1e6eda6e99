"""Celery entry points of metering."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from billing.metering import carries, outbox, sending


@shared_task(name="billing.tasks.tell_usage", queue="billing", soft_time_limit=540, time_limit=570)
def tell_usage(**_: Any) -> None:
    """Collects what was used and tells the payment service. Each step can be repeated."""
    now = timezone.now()
    outbox.collect(now=now)
    sending.send_due(now=now)


@shared_task(name="billing.tasks.tend_usage", queue="billing", soft_time_limit=1700, time_limit=1760)
def tend_usage(**_: Any) -> None:
    """Hourly: what was not clear, periods that ended, amounts that go on the next invoice."""
    now = timezone.now()
    sending.clear_unclear()
    carries.look_at_periods(now=now)
    carries.invoice_due(now=now)


@shared_task(name="billing.tasks.find_untold_usage", queue="billing", soft_time_limit=1700, time_limit=1760)
def find_untold_usage(**_: Any) -> None:
    """Nightly, before the books are closed: entries that were committed later than any look expected."""
    now = timezone.now()
    outbox.collect(now=now, whole=True)
    sending.send_due(now=now)
