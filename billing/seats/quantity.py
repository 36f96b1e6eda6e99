"""The quantity at the payment service follows the persons of a workspace, for plans that are sold per seat."""

from typing import Any
from uuid import UUID

from billing.seats.services import count_persons
from billing.stripe.client import get_client, payment_errors
from billing.stripe.state import plain
from billing.subscriptions.models import BillingAccount


def tell(*, workspace_id: UUID, was: int, quantity: int) -> int | None:
    """Sets the quantity that a change from `was` to `quantity` calls for now. Safe to repeat, and in any order.

    Returns what was set, None when nothing was to do. Raises what `payment_errors` raises.
    """
    account = BillingAccount.objects.select_related("plan").filter(workspace_id=workspace_id).first()
    if account is None or not account.subscription_id or account.plan is None or not account.plan.is_per_seat:
        return None
    item = _item(account)
    if item is None:
        return None
    theirs = int(item["quantity"])
    target = wanted(
        theirs, was=was, quantity=min(quantity, account.quantity), taken=count_persons(workspace_id)
    )
    if target == theirs:
        return None
    in_trial = account.status == BillingAccount.Status.TRIALING
    params: Any = {
        "items": [{"id": item["id"], "quantity": target}],
        "proration_behavior": "none" if in_trial else "create_prorations",
    }
    with payment_errors():
        get_client().v1.subscriptions.update(account.subscription_id, params)
    return target


def wanted(theirs: int, *, was: int, quantity: int, taken: int) -> int:
    """Never fewer than there are persons. Fewer than before only when nobody changed it there in between."""
    if theirs < taken:
        return taken
    if quantity < was == theirs:
        return max(1, taken, quantity)
    return theirs


def _item(account: BillingAccount) -> dict[str, Any] | None:
    """The item that is the plan's own price."""
    assert account.plan is not None
    prices = set(account.plan.prices.filter(kind="licensed").values_list("stripe_price_id", flat=True))
    with payment_errors():
        subscription = get_client().v1.subscriptions.retrieve(account.subscription_id)
    items: list[dict[str, Any]] = plain(subscription)["items"]["data"]
    return next((item for item in items if item["price"]["id"] in prices), None)
