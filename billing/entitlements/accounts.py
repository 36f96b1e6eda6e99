"""The billing account's row lock: plans, seats and what follows from them change under it, one at a time."""

from uuid import UUID

from django.db import transaction

from billing.subscriptions.models import BillingAccount


def lock_account(workspace_id: UUID) -> BillingAccount:
    """The row, made when it is missing, locked until the transaction ends. Raises RuntimeError outside one."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a billing account is locked for a transaction")
    rows = BillingAccount.objects.select_for_update(of=("self",)).select_related(
        "plan", "lifetime_plan", "custom_plan", "effective_plan"
    )
    found = rows.filter(workspace_id=workspace_id).first()
    if found is None:
        BillingAccount.objects.get_or_create(workspace_id=workspace_id)
        found = rows.get(workspace_id=workspace_id)
    return found
