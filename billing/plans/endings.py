"""What the end of a subscription means for a plan of a workspace's own."""

from billing.plans import queries
from billing.stripe.state import SubscriptionState
from billing.subscriptions.models import BillingAccount


def subscription_ended(account: BillingAccount, subscription: SubscriptionState) -> None:
    """An effect: a custom plan ends with the subscription that paid for it. Saves the account, which is locked."""
    if account.custom_plan_id is None:
        return
    for item in subscription.items:
        found = queries.plan_of_stripe_price(item.price_id)
        if found is not None and found[0].id == account.custom_plan_id:
            account.custom_plan = None
            account.save(update_fields=["custom_plan"])
            return
