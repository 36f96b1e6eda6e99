"""What the payment service counted."""

from datetime import datetime

from billing.stripe.client import PaymentRequestRefused, get_client, payment_errors

PAGE = 100


def counted(*, customer_id: str, event: str, begins_at: datetime, ends_at: datetime) -> int:
    """The sum of a meter's events of a customer in [begins_at, ends_at), both on whole minutes.

    It counts with some delay. Raises what `payment_errors` raises; PaymentRequestRefused when there is no such meter.
    """
    client = get_client()
    with payment_errors():
        found = client.v1.billing.meters.list({"status": "active", "limit": PAGE})
        meter_id = next((meter.id for meter in found.auto_paging_iter() if meter.event_name == event), None)
        if meter_id is None:
            raise PaymentRequestRefused(data={"reason": "no_meter", "param": "event_name"})
        listed = client.v1.billing.meters.event_summaries.list(
            meter_id,
            {
                "customer": customer_id,
                "start_time": int(begins_at.timestamp()),
                "end_time": int(ends_at.timestamp()),
                "limit": PAGE,
            },
        )
        return sum(int(row.aggregated_value) for row in listed.auto_paging_iter())
