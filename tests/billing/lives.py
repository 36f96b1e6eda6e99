"""What tests of a billing life need: plans as rows, a workspace that is a customer, and what it was mailed."""

import secrets
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.mails.models import Mail
from billing.plans.models import Plan, PlanPrice
from billing.stripe.state import InvoiceState, SessionState, SubscriptionState
from billing.subscriptions.models import BillingAccount
from tenants.scope import WorkspaceRef
from tests import factories

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def plan(key: str = "pro", *, catalogue: str = "alin", **fields: Any) -> Plan:
    """The current version of a plan, made where nobody wrote the catalogue into the database."""
    found = Plan.objects.filter(catalogue=catalogue, key=key, workspace_id=None, is_current=True).first()
    if found is not None:
        return found
    values = {"name": key.title(), "sale": "free" if key == "free" else "paid", "fingerprint": key, "rank": 1}
    return Plan.objects.create(catalogue=catalogue, key=key, **values | fields)


def metered_plan(key: str = "", **fields: Any) -> Plan:
    """A plan of its own that passes the cost of the models on."""
    made = plan(key or f"flow-{secrets.token_hex(4)}", is_passthrough=True, name="Flow", **fields)
    for kind, meter, amount in (("licensed", "", 1000), ("metered", "cost_micro", 100)):
        PlanPrice.objects.create(
            plan=made, interval="month", kind=kind, meter=meter, amount_minor=amount,
            lookup_key=f"{made.key}-{kind}", stripe_price_id=f"price_{made.key}_{kind}",
        )  # fmt: skip
    return made


def customer(workspace: WorkspaceRef | None = None, **fields: Any) -> BillingAccount:
    """The billing account of a workspace (a new one by default), known to the payment service."""
    workspace = workspace or factories.make_workspace(factories.make_user())
    known = BillingAccount.objects.filter(workspace_id=workspace.id, stripe_customer_id__isnull=False).first()
    made = known.stripe_customer_id if known else f"cus_{secrets.token_hex(8)}"
    values = {"stripe_customer_id": made} | fields
    account, _ = BillingAccount.objects.update_or_create(workspace_id=workspace.id, defaults=values)
    return BillingAccount.objects.get(pk=account.pk)


def subscribed(workspace: WorkspaceRef | None = None, **fields: Any) -> BillingAccount:
    values = {"status": "active", "plan": plan("pro"), "subscription_id": f"sub_{secrets.token_hex(6)}"}
    return customer(workspace, **values | fields)


def invoice(**fields: Any) -> InvoiceState:
    values: dict[str, Any] = {
        "id": f"in_{secrets.token_hex(6)}", "number": "AC-0001", "status": "paid", "subscription_id": "sub_1",
        "billing_reason": "subscription_cycle", "currency": "usd", "total_minor": 2000, "amount_due_minor": 2000,
        "amount_paid_minor": 2000, "amount_remaining_minor": 0, "attempt_count": 1, "is_charged": True,
        "created_at": NOW, "finalized_at": NOW, "paid_at": timezone.now(), "due_at": None, "next_attempt_at": None,
        "hosted_url": "https://pay.test/i/1", "pdf_url": "https://pay.test/i/1.pdf", "metadata": {},
    }  # fmt: skip
    return InvoiceState(**values | fields)


def subscription(account: BillingAccount, **fields: Any) -> SubscriptionState:
    values: dict[str, Any] = {
        "id": account.subscription_id, "status": account.status, "items": (), "created_at": NOW, "trial_ends_at": None,
        "cancels_at": None, "ended_at": None, "schedule_id": "", "next_phase": None, "payment_method": {},
        "cancellation": {}, "metadata": {},
    }  # fmt: skip
    return SubscriptionState(**values | fields)


def session(**fields: Any) -> SessionState:
    values: dict[str, Any] = {
        "id": f"cs_{secrets.token_hex(6)}", "mode": "payment", "is_paid": True, "subscription_id": "",
        "amount_total_minor": 9900, "metadata": {},
    }  # fmt: skip
    return SessionState(**values | fields)


def mailed(workspace_id: UUID, kind: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Kind and context of each mail (of one kind) that is owed to a workspace, in order."""
    rows = Mail.objects.filter(workspace_id=workspace_id).order_by("created_at", "key")
    rows = rows.filter(kind=kind) if kind else rows
    return [(row.kind, row.context) for row in rows]
