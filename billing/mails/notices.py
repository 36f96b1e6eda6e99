"""Which mails follow from a change at the payment service. For `billing.effects`, inside its transaction.

What was and what is now stands in the billing log, which the same transaction wrote before; an entry's id makes a key.
"""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from billing.mails import services as mails
from billing.plans.models import Plan
from billing.stripe.state import InvoiceState, SubscriptionState
from billing.subscriptions.models import BillingAccount, BillingEvent, Grant

Status = BillingAccount.Status
OWING = frozenset({Status.PAST_DUE, Status.UNPAID})
NEWS = timedelta(days=35)
"""What happened longer ago, as a customer's older invoices that are seen for the first time, is told to nobody."""


def name_of(plan: Plan | None) -> str:
    return plan.name if plan is not None else "the plan"


def note_started(account: BillingAccount, subscription: SubscriptionState) -> None:
    if subscription.id == account.subscription_id and account.status == Status.ACTIVE:
        _welcome(account)


def note_paid(account: BillingAccount, invoice: InvoiceState) -> None:
    """Receipt, welcome with the first plan that is paid, and that a payment that had failed arrived."""
    if invoice.amount_paid_minor <= 0 or not is_news(invoice.paid_at):
        return
    mails.send_once(
        f"receipt:{invoice.id}",
        kind="receipt",
        workspace_id=account.workspace_id,
        context={
            "number": invoice.number or invoice.id,
            "amount_minor": invoice.amount_paid_minor,
            "currency": invoice.currency,
            "paid_at": (invoice.paid_at or timezone.now()).isoformat(),
            "invoice_url": invoice.hosted_url,
        },
    )
    if invoice.subscription_id and invoice.subscription_id == account.subscription_id:
        _welcome(account)
    if account.status not in OWING and _had_failed(account, invoice):
        mails.send_once(
            f"recovered:{invoice.id}",
            kind="recovered",
            workspace_id=account.workspace_id,
            context={"plan": name_of(account.plan)},
        )


def _welcome(account: BillingAccount) -> None:
    """Once in the life of a workspace."""
    if account.plan is not None:
        mails.send_once(
            f"welcome:{account.workspace_id}",
            kind="welcome",
            workspace_id=account.workspace_id,
            context={"plan": account.plan.name, "is_lifetime": False},
        )


def _had_failed(account: BillingAccount, invoice: InvoiceState) -> bool:
    """A renewal of which the owners were told that it failed."""
    rows = Grant.objects.filter(workspace_id=account.workspace_id, kind="invoice.failed")
    is_first = invoice.billing_reason == "subscription_create"
    return not is_first and rows.filter(key__startswith=f"invoice.failed:{invoice.id}:").exists()


def note_failed(account: BillingAccount, invoice: InvoiceState) -> None:
    """Not of a purchase that was never completed: whoever buys sees that on the page."""
    if account.status not in OWING:
        return
    mails.send_once(
        f"payment_failed:{invoice.id}:{invoice.attempt_count}",
        kind="payment_failed",
        workspace_id=account.workspace_id,
        context=owed(account, invoice.amount_remaining_minor, invoice.currency)
        | {"action_url": invoice.hosted_url if invoice.needs_action else ""},
    )


def owed(account: BillingAccount, amount_minor: int, currency: str) -> dict[str, Any]:
    """What a mail about a payment that is missing needs."""
    is_grace = account.grace_ends_at is not None and account.restricted_at is None
    return {
        "plan": name_of(account.plan),
        "amount_minor": amount_minor,
        "currency": currency,
        "grace_ends_at": account.grace_ends_at.isoformat() if is_grace and account.grace_ends_at else "",
        "action_url": account.action_url,
    }


def note_changed(account: BillingAccount, subscription: SubscriptionState) -> None:
    """Plan changed, a change scheduled, a cancellation: by the entries of the log that tell of them."""
    plan = _newest(account, "subscription.plan_changed", "plan")
    if plan is not None and plan[1] and plan[2]:
        _changed(account, plan[0], was=_name_in(account, plan[1]), plan=name_of(account.plan))
    pending = _newest(account, "subscription.schedule_changed", "pending_plan")
    if pending is not None and account.pending_plan is not None and account.pending_at is not None:
        _changed(
            account,
            pending[0],
            was=name_of(account.plan),
            plan=account.pending_plan.name,
            at=account.pending_at,
        )
    end = _newest(account, "subscription.end_changed", "cancels_at")
    if end is not None and account.cancels_at is not None:
        _cancelled(account, f"cancelled:{end[0].pk}", ends_at=account.cancels_at)


def _newest(account: BillingAccount, kind: str, field: str) -> tuple[BillingEvent, str, str] | None:
    """The newest entry of that kind, if it tells of the field: what it was and is."""
    rows = BillingEvent.objects.filter(workspace_id=account.workspace_id, kind=kind)
    entry = rows.order_by("-created_at", "-id").first()
    if entry is None or field not in entry.data.get("changes", {}):
        return None
    was, now = entry.data["changes"][field]
    return entry, was, now


def _name_in(account: BillingAccount, text: str) -> str:
    """The name of `pro 2`, as the log writes a plan's version."""
    key, _, version = text.rpartition(" ")
    rows = Plan.objects.filter(key=key, version=int(version)).order_by("workspace_id")
    if account.plan is not None:
        rows = rows.filter(catalogue=account.plan.catalogue)
    return name_of(rows.first())


def _changed(
    account: BillingAccount, entry: BillingEvent, *, was: str, plan: str, at: datetime | None = None
) -> None:
    mails.send_once(
        f"plan_changed:{entry.pk}",
        kind="plan_changed",
        workspace_id=account.workspace_id,
        context={
            "was": was,
            "plan": plan,
            "is_scheduled": at is not None,
            "changes_at": at.isoformat() if at else "",
        },
    )


def note_trial_will_end(account: BillingAccount, subscription: SubscriptionState) -> None:
    """The payment service says so three days before, which our own clock may have said too."""
    if account.status == Status.TRIALING and subscription.trial_ends_at is not None:
        tell_of_trial(account, subscription.trial_ends_at, 3)


def tell_of_trial(account: BillingAccount, ends_at: datetime, days: int) -> bool:
    return mails.send_once(
        f"trial_ending:{account.pk}:{ends_at:%Y%m%dT%H%M}:{days}",
        kind="trial_ending",
        workspace_id=account.workspace_id,
        context={
            "plan": name_of(account.plan),
            "when": "within a day" if days == 1 else f"in {days} days",
            "ends_at": ends_at.isoformat(),
            "has_card": bool(account.payment_method) and account.cancels_at is None,
        },
    )


def note_ended(account: BillingAccount, subscription: SubscriptionState) -> None:
    """Only where it leaves the workspace with the free plan."""
    is_the_one = subscription.id == account.subscription_id and account.status == Status.CANCELED
    keeps_more = account.lifetime_plan_id is not None or account.custom_plan_id is not None
    if is_the_one and not keeps_more and is_news(subscription.ended_at):
        _cancelled(account, f"ended:{subscription.id}", ends_at=None)


def _cancelled(account: BillingAccount, key: str, *, ends_at: datetime | None) -> None:
    mails.send_once(
        key,
        kind="cancelled",
        workspace_id=account.workspace_id,
        context={
            "plan": name_of(account.plan),
            "is_over": ends_at is None,
            "ends_at": ends_at.isoformat() if ends_at else "",
        },
    )


def is_news(at: datetime | None) -> bool:
    """Also where nobody knows when it was."""
    return at is None or at > timezone.now() - NEWS
