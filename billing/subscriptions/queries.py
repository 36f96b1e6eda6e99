"""Reads of what a workspace has and of its invoices."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from djstripe.models import Invoice

from billing.subscriptions.models import BillingAccount, Checkout
from billing.subscriptions.refusals import CheckoutUnknown

Status = BillingAccount.Status
RUNNING = frozenset({Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID, Status.PAUSED})
"""A subscription that exists and can be changed: nobody may buy a second one beside it."""
OUTSTANDING = frozenset({Status.PAST_DUE, Status.UNPAID})

PLANS_OF_ACCOUNT = ("plan", "pending_plan", "lifetime_plan", "custom_plan", "effective_plan")


@dataclass(frozen=True)
class InvoiceRow:
    """An invoice as it is shown. Amounts in minor units."""

    id: str
    number: str
    status: str
    currency: str
    total_minor: int
    paid_minor: int
    due_minor: int
    created_at: datetime | None
    due_at: datetime | None
    hosted_url: str
    pdf_url: str


def find_account(workspace_id: UUID) -> BillingAccount | None:
    """One query."""
    return BillingAccount.objects.select_related(*PLANS_OF_ACCOUNT).filter(workspace_id=workspace_id).first()


TOLD = (
    "plan__name", "status", "subscription_id", "payment_method", "action_url",
    "restricted_at", "grace_ends_at", "trial_ends_at", "cancels_at",
)  # fmt: skip


def find_told(workspace_id: UUID) -> BillingAccount | None:
    """With only what pages tell of it: they all ask. One query."""
    rows = BillingAccount.objects.select_related("plan").only(*TOLD)
    return rows.filter(workspace_id=workspace_id).first()


def get_account(workspace_id: UUID) -> BillingAccount:
    """Made when it is missing. One query when it is not."""
    found = find_account(workspace_id)
    if found is not None:
        return found
    BillingAccount.objects.get_or_create(workspace_id=workspace_id)
    return BillingAccount.objects.select_related(*PLANS_OF_ACCOUNT).get(workspace_id=workspace_id)


def is_running(account: BillingAccount) -> bool:
    return bool(account.subscription_id) and account.status in RUNNING


def access_checkout(workspace_id: UUID, session_id: str) -> Checkout:
    """Raises CheckoutUnknown, also for a checkout of another workspace."""
    # SECURITY: the id comes from an address that anybody can type.
    found = Checkout.objects.filter(workspace_id=workspace_id, session_id=session_id)
    checkout = found.select_related("plan").first()
    if checkout is None:
        raise CheckoutUnknown()
    return checkout


def invoices_of(workspace_id: UUID) -> "QuerySet[Invoice]":
    """Rows of dj-stripe's mirror, for `as_row`; drafts are not shown to anybody."""
    # SECURITY: a workspace's invoices are those of its customer; without one it has none.
    customer = (
        BillingAccount.objects.filter(workspace_id=workspace_id, stripe_customer_id__isnull=False)
        .values_list("stripe_customer_id", flat=True)
        .first()
    )
    if customer is None:
        return Invoice.objects.none()
    return Invoice.objects.filter(customer_id=customer).exclude(stripe_data__status="draft")


def list_invoices(workspace_id: UUID, *, most: int = 24) -> list[InvoiceRow]:
    """Newest first. Two queries."""
    rows = invoices_of(workspace_id).order_by("-created", "-djstripe_id")[:most]
    return [as_row(row) for row in rows]


def as_row(invoice: Any) -> InvoiceRow:
    data = invoice.stripe_data
    return InvoiceRow(
        id=invoice.id,
        number=data.get("number") or "",
        status=data.get("status") or "",
        currency=data.get("currency") or "",
        total_minor=int(data.get("total") or 0),
        paid_minor=int(data.get("amount_paid") or 0),
        due_minor=int(data.get("amount_remaining") or 0),
        created_at=moment(data.get("created")) or invoice.created,
        due_at=moment(data.get("due_date")),
        hosted_url=data.get("hosted_invoice_url") or "",
        pdf_url=data.get("invoice_pdf") or "",
    )


def moment(seconds: int | None) -> datetime | None:
    """Stripe's times are whole seconds since 1970."""
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)
