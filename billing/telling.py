"""What billing learns of a workspace’s payments, as webhooks are told of it. Each in the transaction of the effect.

What happened long ago, as a customer’s older invoices that are seen for the first time, is told to nobody.
"""

from typing import Any

from billing.mails import notices
from billing.stripe.state import InvoiceState, SubscriptionState
from billing.subscriptions.models import BillingAccount
from tenants.webhooks import emission


def tell_paid(account: BillingAccount, invoice: InvoiceState) -> None:
    if not notices.is_news(invoice.paid_at):
        return
    emission.emit(
        "invoice.paid",
        workspace_id=account.workspace_id,
        amount_minor=invoice.amount_paid_minor,
        **_facts(invoice),
    )


def tell_failed(account: BillingAccount, invoice: InvoiceState) -> None:
    emission.emit(
        "invoice.payment_failed",
        workspace_id=account.workspace_id,
        amount_minor=invoice.amount_remaining_minor,
        attempt=invoice.attempt_count,
        needs_action=invoice.needs_action,
        **_facts(invoice),
    )


def _facts(invoice: InvoiceState) -> dict[str, Any]:
    return {"invoice_id": invoice.id, "number": invoice.number, "currency": invoice.currency}


def tell_subscription(account: BillingAccount, subscription: SubscriptionState, change: str) -> None:
    """`change`: started, changed or ended. Plan, interval and seats are the account’s: another subscription may have
    taken the place of one that ended."""
    if not notices.is_news(subscription.ended_at):
        return
    cancels_at = subscription.cancels_at
    emission.emit(
        "subscription.changed",
        workspace_id=account.workspace_id,
        subscription_id=subscription.id,
        change=change,
        status=subscription.status,
        plan=account.plan.key if account.plan else None,
        interval=account.interval,
        quantity=account.quantity,
        cancels_at=cancels_at.isoformat() if cancels_at else None,
    )
