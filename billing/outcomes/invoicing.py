"""The invoice of a milestone, made once however often it is tried: each step finds what an earlier try left."""

from typing import Any

import stripe
from django.db import transaction
from django.utils import timezone

from billing import log, money
from billing.outcomes.models import Contract, ContractMilestone
from billing.stripe.client import get_client, payment_errors
from billing.subscriptions import customers
from billing.subscriptions import queries as subscriptions

PAGE = 100


def invoice(milestone_id: int) -> str:
    """The id of its invoice; empty when nothing falls due. Outside every transaction.

    Raises what `payment_errors` raises: the next try goes on where this one stopped.
    """
    milestone = ContractMilestone.objects.select_related("contract").get(id=milestone_id)
    if milestone.invoiced_at is not None or milestone.reached_at is None or not milestone.amount_minor:
        return milestone.stripe_invoice_id
    contract = milestone.contract
    customer = customers.ensure(subscriptions.get_account(contract.workspace_id))
    with payment_errors():
        made = _find(customer, milestone) or _create(customer, contract, milestone)
        if not made.lines.data:
            _add_item(customer, made.id, contract, milestone)
        if made.status == "draft":
            made = get_client().v1.invoices.finalize_invoice(made.id)
        if contract.net_days and made.status == "open":
            get_client().v1.invoices.send_invoice(made.id)
    _note(milestone, made)
    return made.id


def _find(customer: str, milestone: ContractMilestone) -> stripe.Invoice | None:
    """What an earlier try made, also when its answer was lost longer ago than idempotency keys last."""
    page = get_client().v1.invoices.list(params={"customer": customer, "limit": PAGE})
    for found in page.auto_paging_iter():
        if found.metadata and found.metadata.to_dict().get("milestone") == str(milestone.pk):
            return get_client().v1.invoices.retrieve(found.id)
    return None


def _create(customer: str, contract: Contract, milestone: ContractMilestone) -> stripe.Invoice:
    params: Any = {
        "customer": customer,
        "currency": contract.currency,
        "description": f"{contract.title}: {milestone.percent} % reached",
        "pending_invoice_items_behavior": "exclude",
        "auto_advance": True,
        "metadata": {
            "milestone": str(milestone.pk),
            "contract": str(contract.id),
            "workspace_id": str(contract.workspace_id),
        },
    }
    if contract.net_days:
        params |= {"collection_method": "send_invoice", "days_until_due": contract.net_days}
    else:
        params["collection_method"] = "charge_automatically"
    return get_client().v1.invoices.create(params, {"idempotency_key": f"milestone-{milestone.pk}-invoice"})


def _add_item(customer: str, invoice_id: str, contract: Contract, milestone: ContractMilestone) -> None:
    get_client().v1.invoice_items.create(
        {
            "customer": customer,
            "invoice": invoice_id,
            "amount": milestone.amount_minor,
            "currency": contract.currency,
            "description": f"{contract.title}: {milestone.percent} % of the way to {contract.target.normalize():f} "
            f"{contract.unit}",
            "metadata": {"milestone": str(milestone.pk)},
        },
        {"idempotency_key": f"milestone-{milestone.pk}-item"},
    )


def _note(milestone: ContractMilestone, made: stripe.Invoice) -> None:
    with transaction.atomic():
        rows = ContractMilestone.objects.filter(pk=milestone.pk, invoiced_at=None)
        if not rows.update(stripe_invoice_id=made.id, invoiced_at=timezone.now()):
            return
        contract = milestone.contract
        log.record(
            "contract.milestone_invoiced",
            workspace_id=contract.workspace_id,
            cause=made.id,
            contract=str(contract.id),
            title=contract.title,
            percent=milestone.percent,
            amount_minor=milestone.amount_minor,
            amount=money.as_text(milestone.amount_minor, contract.currency),
        )
