"""The payment service's customer of a workspace: one, whoever asks first."""

import hashlib
import json
from typing import Any

from accounts import queries as accounts_queries
from accounts.permissions import Member
from billing.stripe.client import get_client, payment_errors
from billing.subscriptions.models import BillingAccount
from tenants.scope import get_ref


def ensure(account: BillingAccount, member: Member | None = None) -> str:
    """The customer's id. Callers at the same moment are given the same one by the idempotency key, and whoever comes
    later finds it in the row: no lock is held while the payment service is asked.
    """
    if account.stripe_customer_id:
        return account.stripe_customer_id
    params = _params(account, member)
    key = f"customer-{account.workspace_id}-{digest(params)}"
    with payment_errors():
        made = get_client().v1.customers.create(params, {"idempotency_key": key})
    rows = BillingAccount.objects.filter(workspace_id=account.workspace_id)
    rows.filter(stripe_customer_id__isnull=True).update(stripe_customer_id=made.id)
    stored = rows.values_list("stripe_customer_id", flat=True).get()
    account.stripe_customer_id = stored
    return str(stored)


def _params(account: BillingAccount, member: Member | None) -> Any:
    """The same for every member, so that the key meets the same request."""
    emails = accounts_queries.list_owner_emails(account.workspace_id)
    params: dict[str, Any] = {
        "name": get_ref(id=account.workspace_id).name,
        "metadata": {"workspace_id": str(account.workspace_id)},
    }
    if emails:
        params["email"] = emails[0]
    return params


def digest(value: Any) -> str:
    """Of a request, for idempotency keys: the same wish has the same one."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
