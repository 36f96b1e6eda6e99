"""What the payment service knows of people who are erased: taken out of it by its own calls.

What it lets nobody change stays there: invoices that are final, which the law wants kept (docs/erasure.md).
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings

from accounts import queries as accounts_queries
from billing.stripe.client import PaymentRequestRefused, get_client, payment_errors
from billing.stripe.state import plain
from billing.subscriptions import queries
from billing.subscriptions.models import BillingAccount
from config.personal import Subject
from tenants.models import Workspace

NOBODY: Any = {"email": "", "name": "", "phone": ""}
NO_DETAILS: Any = {"billing_details": NOBODY}


def running_plan(*, workspace_id: UUID) -> str:
    """The answer to the port `running_plan`."""
    account = queries.find_account(workspace_id)
    if account is None or not queries.is_running(account):
        return ""
    return account.plan.name if account.plan else "A plan"


def forget_workspace(*, workspace_id: UUID) -> None:
    """The answer to the port `payments_forget_workspace`. Its subscriptions end at once, with its customer."""
    rows = BillingAccount.objects.filter(workspace_id=workspace_id)
    customer_id = rows.values_list("stripe_customer_id", flat=True).first()
    if not customer_id or not settings.STRIPE_SECRET_KEY:
        return
    client = get_client()
    try:
        with payment_errors():
            for method in _methods(customer_id):
                client.v1.payment_methods.detach(method["id"])
            # Before it is deleted: the event of that shows it as it was.
            client.v1.customers.update(customer_id, NOBODY)
            client.v1.customers.delete(customer_id)
    except PaymentRequestRefused as refused:
        if not refused.is_missing:
            raise


def forget_person(*, subject: Subject) -> None:
    """The answer to the port `payments_forget_person`. Another owner's address takes the place of theirs."""
    if not settings.STRIPE_SECRET_KEY:
        return
    for address in subject.addresses:
        for customer in _customers_with(address):
            _forget_in(customer, subject)


def _customers_with(address: str) -> list[dict[str, Any]]:
    with payment_errors():
        found = get_client().v1.customers.list({"email": address, "limit": 100})
        return [plain(row) for row in found.auto_paging_iter()]


def _forget_in(customer: dict[str, Any], subject: Subject) -> None:
    client = get_client()
    with payment_errors():
        for method in _methods(customer["id"]):
            if _names(method.get("billing_details") or {}, subject):
                client.v1.payment_methods.update(method["id"], NO_DETAILS)
        client.v1.customers.update(customer["id"], _successor(customer["id"], subject))


def _methods(customer_id: str) -> Iterator[dict[str, Any]]:
    found = get_client().v1.customers.payment_methods.list(customer_id, {"limit": 100})
    yield from [plain(row) for row in found.auto_paging_iter()]


def _names(details: dict[str, Any], subject: Subject) -> bool:
    email, name = (str(details.get(key) or "").lower() for key in ("email", "name"))
    return email in subject.addresses or name in {known.lower() for known in subject.names}


def _successor(customer_id: str, subject: Subject) -> Any:
    """Who is written to from now on, and the workspace's own name in place of a cardholder's."""
    workspace_id = (
        BillingAccount.objects.filter(stripe_customer_id=customer_id)
        .values_list("workspace_id", flat=True)
        .first()
    )
    if workspace_id is None:
        return NOBODY
    owners = accounts_queries.list_owner_emails(workspace_id)
    others = [email for email in owners if email.lower() not in subject.addresses]
    name = Workspace.objects.filter(id=workspace_id).values_list("name", flat=True).first() or ""
    return {**NOBODY, "email": others[0] if others else "", "name": name}
