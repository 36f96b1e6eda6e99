"""A customer at the payment service in Stripe's own current shapes, as its answers have them (only what is read)."""

from typing import Any

BEGAN = 1_790_000_000
MONTH = 30 * 86_400


def customer(id: str = "cus_1", **changes: Any) -> dict[str, Any]:
    return {
        "id": id, "object": "customer", "balance": 0, "email": "owner@example.com", "metadata": {},
        "invoice_settings": {"default_payment_method": None},
    } | changes  # fmt: skip


def card(id: str = "pm_1", last4: str = "4242") -> dict[str, Any]:
    details = {"brand": "visa", "last4": last4, "exp_month": 12, "exp_year": 2034}
    return {"id": id, "object": "payment_method", "type": "card", "card": details}


def item(
    price: str, *, quantity: int = 1, interval: str = "month", usage: str = "licensed"
) -> dict[str, Any]:
    return {
        "id": f"si_{price}", "object": "subscription_item", "quantity": quantity,
        "current_period_start": BEGAN, "current_period_end": BEGAN + MONTH,
        "price": {"id": price, "object": "price", "recurring": {"interval": interval, "usage_type": usage}},
    }  # fmt: skip


def subscription(id: str = "sub_1", *items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": id, "object": "subscription", "status": "active", "items": {"data": list(items)}, "created": BEGAN,
        "trial_end": None, "cancel_at": None, "cancel_at_period_end": False, "ended_at": None, "schedule": None,
        "default_payment_method": None, "cancellation_details": None, "metadata": {},
    } | changes  # fmt: skip


def schedule(*phases: tuple[str, int], status: str = "active", present: int | None = BEGAN) -> dict[str, Any]:
    """Phases of (price, start); each ends when the next begins, the last one a month later."""
    starts = [start for _, start in phases]
    ends = [*starts[1:], starts[-1] + MONTH]
    rows = [
        {"start_date": start, "end_date": end, "items": [{"price": price, "quantity": 1}]}
        for (price, start), end in zip(phases, ends, strict=True)
    ]
    current = next(
        (
            {"start_date": r["start_date"], "end_date": r["end_date"]}
            for r in rows
            if r["start_date"] == present
        ),
        None,
    )
    return {"id": "sub_sched_1", "status": status, "phases": rows, "current_phase": current}


def invoice(id: str = "in_1", *, of: str = "sub_1", **changes: Any) -> dict[str, Any]:
    return {
        "id": id, "object": "invoice", "number": "A-1", "status": "paid", "billing_reason": "subscription_cycle",
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": of, "metadata": {}}},
        "currency": "usd", "total": 2000, "amount_due": 2000, "amount_paid": 2000, "amount_remaining": 0,
        "attempt_count": 1, "collection_method": "charge_automatically", "created": BEGAN, "due_date": None,
        "status_transitions": {"finalized_at": BEGAN + 10, "paid_at": BEGAN + 20}, "next_payment_attempt": None,
        "hosted_invoice_url": f"https://pay.example.com/{id}", "invoice_pdf": f"https://pay.example.com/{id}.pdf",
        "metadata": {},
    } | changes  # fmt: skip


def unpaid(id: str = "in_1", **changes: Any) -> dict[str, Any]:
    return invoice(
        id, status="open", amount_paid=0, amount_remaining=2000,
        status_transitions={"finalized_at": BEGAN + 10, "paid_at": None}, **changes,
    )  # fmt: skip


def session(id: str = "cs_1", **changes: Any) -> dict[str, Any]:
    return {
        "id": id, "object": "checkout.session", "mode": "subscription", "payment_status": "paid",
        "subscription": "sub_1", "amount_total": 2000, "metadata": {},
    } | changes  # fmt: skip
