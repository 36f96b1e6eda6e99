"""Customers at the payment service that say they are a workspace's, and that we do not know: ours broke off, or the
answer to their making was lost."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from billing import log
from billing.stripe.client import PaymentRequestRefused, get_client, payment_errors
from billing.stripe.state import plain
from billing.subscriptions.models import BillingAccount
from tenants.models import Workspace

logger = logging.getLogger(__name__)


def adopt(customer_id: str) -> UUID | None:
    """Gives the customer to the workspace that its metadata names; returns its id, or None when there is none to give
    it to. One call. Raises what `payment_errors` raises."""
    try:
        with payment_errors():
            customer = plain(get_client().v1.customers.retrieve(customer_id))
    except PaymentRequestRefused as error:
        if error.is_missing:
            return None
        raise
    return None if customer.get("deleted") else adopt_named(customer_id, customer.get("metadata") or {})


def adopt_named(customer_id: str, metadata: Mapping[str, Any]) -> UUID | None:
    """As `adopt`, by metadata that was read already. A workspace that has a customer keeps it."""
    workspace_id = _uuid(metadata.get("workspace_id"))
    if workspace_id is None or not Workspace.objects.filter(pk=workspace_id).exists():
        return None
    with transaction.atomic():
        BillingAccount.objects.get_or_create(workspace_id=workspace_id)
        account = BillingAccount.objects.select_for_update().get(pk=workspace_id)
        if account.stripe_customer_id == customer_id:
            return workspace_id
        if account.stripe_customer_id:
            logger.warning(
                "a workspace has a second customer",
                extra={"workspace_id": str(workspace_id), "customer_id": customer_id},
            )
            return None
        account.stripe_customer_id = customer_id
        account.save(update_fields=["stripe_customer_id"])
        log.record("customer.adopted", workspace_id=workspace_id, customer=customer_id)
    return workspace_id


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
