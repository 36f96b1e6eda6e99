"""Buying at the simulated payment service, as the product does it."""

from billing.plans.models import PlanPrice
from billing.stripe.client import get_client
from billing.subscriptions.models import BillingAccount
from tenants.scope import WorkspaceRef
from tests.billing.stripe_sim import StripeSim

GOOD, ASKS_ALWAYS = "4242424242424242", "4000002760003184"


def publish() -> dict[str, str]:
    """Gives the monthly prices of `pro` and `team` to the payment service; their ids there, by plan."""
    found = {}
    for key in ("pro", "team"):
        row = PlanPrice.objects.get(
            plan__catalogue="alin", plan__key=key, plan__is_current=True, interval="month", kind="licensed"
        )
        product = get_client().v1.products.create(params={"name": key})
        price = get_client().v1.prices.create(
            params={
                "product": product.id,
                "currency": "usd",
                "unit_amount": row.amount_minor,
                "recurring": {"interval": "month"},
            }
        )
        PlanPrice.objects.filter(pk=row.pk).update(stripe_price_id=price.id)
        found[key] = price.id
    return found


def make_customer(workspace: WorkspaceRef, *, is_known: bool = True) -> str:
    params = {"email": "owner@example.com", "metadata": {"workspace_id": str(workspace.id)}}
    made = get_client().v1.customers.create(params=params)
    BillingAccount.objects.update_or_create(
        workspace_id=workspace.id, defaults={"stripe_customer_id": made.id if is_known else None}
    )
    return made.id


def buy(sim: StripeSim, customer_id: str, price_id: str, *, card: str = GOOD, **data) -> str:
    """On the Checkout page. Returns the subscription's id."""
    session = get_client().v1.checkout.sessions.create(
        params={
            "mode": "subscription",
            "customer": customer_id,
            "success_url": "http://127.0.0.1/done",
            "line_items": [{"price": price_id, "quantity": 1}],
            **({"subscription_data": data} if data else {}),
        }
    )
    outcome = sim.complete_checkout(session.id, card=card, authenticated=True)
    assert outcome.kind == "completed", outcome
    return get_client().v1.subscriptions.list(params={"customer": customer_id}).data[0].id
