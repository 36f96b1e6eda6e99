"""Which events we use, and what for. Everything else is stored and left alone."""

from collections.abc import Mapping
from typing import Any

CUSTOMER_EVENTS = (
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "customer.updated",
    "invoice.created",
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.updated",
    "invoice.voided",
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "subscription_schedule.aborted",
    "subscription_schedule.canceled",
    "subscription_schedule.completed",
    "subscription_schedule.created",
    "subscription_schedule.released",
    "subscription_schedule.updated",
)
"""A customer's present state is looked at."""
CATALOGUE_EVENTS = ("price.created", "price.updated", "product.created", "product.updated")
"""Only the mirror takes them: what is sold is written from the catalogue, never read back."""
TRIAL_WILL_END = "customer.subscription.trial_will_end"
WANTED = tuple(sorted(CUSTOMER_EVENTS + CATALOGUE_EVENTS))
"""What to enable at the payment service."""


def customer_of(event: Mapping[str, Any]) -> str:
    """The id of the customer an event is about, or nothing."""
    data = event["data"]
    changed = data["object"]
    if changed.get("object") == "customer":
        return str(changed.get("id") or "")
    # What was detached names its customer only as it was.
    former = data.get("previous_attributes") or {}
    customer = changed.get("customer") or former.get("customer")
    if isinstance(customer, Mapping):
        customer = customer.get("id")
    return str(customer or "")
