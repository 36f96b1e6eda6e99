from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from usage.limits import services as limits

KEPT_DAYS = 2


@shared_task(
    name="assistants.widget.tasks.forget_visitors", queue="default", time_limit=120, soft_time_limit=100
)
def forget_visitors() -> int:
    """The limits of visitors that have not been new for days: their windows are over."""
    return limits.forget_visitors(before=timezone.now() - timedelta(days=KEPT_DAYS))
