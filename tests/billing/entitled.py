"""Accounts and plans for the tests of what a workspace may do, without the payment service."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from billing.entitlements import services as entitlements
from billing.plans.models import Plan
from billing.subscriptions.models import BillingAccount

PERIOD_START = datetime(2026, 5, 17, 22, 30, tzinfo=UTC)
Status = BillingAccount.Status


def make_plan(key: str, **fields: Any) -> Plan:
    """A plan of a catalogue that only tests know; `features` and `limits` are empty unless named."""
    values = {
        "catalogue": "tests", "name": key.title(), "sale": Plan.Sale.PAID, "rank": 5, "seats_included": 5,
        "features": [], "limits": [{"meter": "messages", "window": "month", "amount": None}],
        "fingerprint": key,
    }  # fmt: skip
    return Plan.objects.create(key=key, **(values | fields))


def set_account(workspace_id: UUID, **fields: Any) -> BillingAccount:
    """Our record as if applied from the payment service, and what follows from it."""
    BillingAccount.objects.filter(workspace_id=workspace_id).update(**fields)
    entitlements.refresh(workspace_id)
    return BillingAccount.objects.get(workspace_id=workspace_id)


def subscribe(
    workspace_id: UUID, plan: Plan, *, status: str = Status.ACTIVE, **fields: Any
) -> BillingAccount:
    values = {"plan": plan, "status": status, "subscription_id": "sub_test", "interval": "month"} | fields
    return set_account(workspace_id, **values)
