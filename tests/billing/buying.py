"""Buying against the simulated payment service: plans that it knows, cards that are kept, subscriptions that run."""

from datetime import datetime
from typing import Any

from accounts.permissions import Member
from billing.plans import queries as plans_queries
from billing.plans import services as plans
from billing.plans.models import Plan, PlanPrice
from billing.stripe import sync
from billing.stripe.client import get_client
from billing.subscriptions import customers, queries
from billing.subscriptions.models import BillingAccount
from tests.billing import lives

GOOD, DECLINING, ASKING = "pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"


def publish() -> None:
    """The catalogue's products and prices, at the payment service."""
    plans.sync_plans(write=lambda text: None)


def sold_by_seat(key: str = "studio", *, month: int = 1000, year: int = 10_000, rank: int = 15) -> Plan:
    """A plan of its own, known to the payment service."""
    made = lives.plan(key, is_per_seat=True, rank=rank, name=key.title())
    product = get_client().v1.products.create({"name": made.name})
    for interval, amount in (("month", month), ("year", year)):
        price = get_client().v1.prices.create(
            {
                "product": product.id, "currency": "usd", "unit_amount": amount,
                "recurring": {"interval": interval}, "lookup_key": f"{key}-{interval}",
            }
        )  # fmt: skip
        PlanPrice.objects.create(
            plan=made, interval=interval, amount_minor=amount, lookup_key=f"{key}-{interval}",
            stripe_price_id=price.id,
        )  # fmt: skip
    return made


def keep_card(member: Member, token: str = GOOD) -> None:
    """The workspace's card from now on, as if put in on the payment service's own page."""
    account = queries.get_account(member.workspace_id)
    customer_id, client = customers.ensure(account, member), get_client()
    method = client.v1.payment_methods.attach(token, {"customer": customer_id})
    client.v1.customers.update(customer_id, {"invoice_settings": {"default_payment_method": method.id}})


def subscribe(
    member: Member, plan: str | Plan = "pro", interval: str = "month", **fields: Any
) -> BillingAccount:
    """A running subscription, paid with the card that is kept, or with a good one."""
    found = plans_queries.get_plan(plan) if isinstance(plan, str) else plan
    account = queries.get_account(member.workspace_id)
    if not account.stripe_customer_id:
        keep_card(member)
        account = queries.get_account(member.workspace_id)
    price = plans_queries.price_of(found, interval).stripe_price_id
    line = {"price": price, "quantity": fields.pop("quantity", 1)}
    get_client().v1.subscriptions.create({"customer": account.stripe_customer_id, "items": [line], **fields})
    return look(member)


def look(member: Member) -> BillingAccount:
    """The account after a look at the payment service, as a webhook would bring it."""
    customer_id = queries.get_account(member.workspace_id).stripe_customer_id
    sync.sync_customer(str(customer_id), cause="test")
    return queries.get_account(member.workspace_id)


def subscription(member: Member) -> Any:
    """As the payment service has it."""
    return get_client().v1.subscriptions.retrieve(queries.get_account(member.workspace_id).subscription_id)


def invoices(member: Member) -> list[tuple[int, str]]:
    """(total, status) of each, newest first."""
    customer_id = queries.get_account(member.workspace_id).stripe_customer_id
    listed = get_client().v1.invoices.list({"customer": str(customer_id)})
    return [(row.total, str(row.status)) for row in listed.data]


def shows(account: BillingAccount) -> tuple[str, str, int]:
    return (account.plan.key if account.plan else "", account.interval, account.quantity)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")
