"""Plans of the demo's workspaces: acme pays for one that people share, everybody else is on the free plan.

`assistants.demo` calls what settings.DEMO_SEEDS names: it may not know billing.
"""

import logging
from uuid import UUID

from django.db import transaction

from accounts import queries as accounts_queries
from billing.entitlements import services as entitlements
from billing.entitlements.accounts import lock_account
from billing.plans import queries as plans
from billing.plans import services as plans_services
from billing.plans.models import Plan, PlanPrice
from billing.stripe import sync
from billing.stripe.client import get_client, payment_errors
from billing.subscriptions import customers, queries
from billing.subscriptions.models import BillingAccount
from config.errors import DomainError
from usage.features.keys import Feature

PAYING = "acme"
TEST_CARD = "pm_card_visa"
logger = logging.getLogger(__name__)


def workspace_made(*, workspace_id: UUID, slug: str) -> None:
    """Before its people join: what fills the demo needs seats and more than the free plan has."""
    _arrange(workspace_id, shared_plan())


def workspace_used(*, workspace_id: UUID, slug: str) -> None:
    """All is made. Outside every transaction: the payment service is asked.

    Where it does not answer, the plan that pays stays arranged as it is.
    """
    plan = shared_plan()
    is_bought = slug == PAYING and plan is not None and _buy(workspace_id, plan)
    if slug != PAYING or is_bought:
        _arrange(workspace_id, None)


def shared_plan() -> Plan | None:
    """The smallest plan that is sold and that several people share."""
    return next((plan for plan in plans.list_offered() if _is_shared(plan)), None)


def _is_shared(plan: Plan) -> bool:
    return plan.sale == Plan.Sale.PAID and Feature.SHARED_WORKSPACE in plan.features


def _arrange(workspace_id: UUID, plan: Plan | None) -> None:
    with transaction.atomic():
        account = lock_account(workspace_id)
        account.custom_plan = plan
        account.save(update_fields=["custom_plan"])
        entitlements.refresh(workspace_id)


def _buy(workspace_id: UUID, plan: Plan) -> bool:
    """Like a checkout that was paid with a card: a customer, a card, a subscription, and our look at them."""
    account = queries.get_account(workspace_id)
    try:
        plans_services.sync_plans(write=logger.debug)
        price = plans.price_of(plans.get_plan(plan.key), PlanPrice.Interval.MONTH)
        customer = customers.ensure(account)
        _subscribe(account, plan, price, customer)
        sync.sync_customer(customer, cause="demo")
    except DomainError:
        logger.warning("the demo's plan could not be bought; it stays arranged")
        return False
    account.refresh_from_db()
    return account.status == BillingAccount.Status.ACTIVE


def _subscribe(account: BillingAccount, plan: Plan, price: PlanPrice, customer: str) -> None:
    quantity = accounts_queries.count_persons(account.workspace_id) if plan.is_per_seat else 1
    client = get_client()
    with payment_errors():
        card = client.v1.payment_methods.attach(TEST_CARD, {"customer": customer})
        client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})
        client.v1.subscriptions.create(
            {"customer": customer, "items": [{"price": price.stripe_price_id, "quantity": quantity}]},
            {"idempotency_key": f"demo-{account.workspace_id}"},
        )
