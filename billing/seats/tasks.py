from uuid import UUID

from celery import shared_task

from billing.seats import quantity as seats_quantity
from billing.stripe.client import PaymentServiceUnavailable


@shared_task(
    name="billing.seats.tasks.sync_seats",
    queue="billing",
    time_limit=60,
    soft_time_limit=50,
    autoretry_for=(PaymentServiceUnavailable,),
    retry_backoff=5,
    max_retries=6,
)
def sync_seats(*, workspace_id: str, was: int, quantity: int, **kwargs: object) -> None:
    """What is not told within some minutes is set right by the hourly reconciliation."""
    seats_quantity.tell(workspace_id=UUID(workspace_id), was=was, quantity=quantity)
