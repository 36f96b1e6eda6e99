"""Trials: one per person and one per workspace, for good, decided by two unique columns."""

from datetime import timedelta
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.permissions import Member
from billing.plans.models import Plan
from billing.stripe.state import SubscriptionState
from billing.subscriptions.models import BillingAccount, TrialUse
from billing.subscriptions.refusals import TrialRefused
from billing.subscriptions.wanted import Wanted, new_items

RETRY_WITHIN = timedelta(hours=23)
"""The payment service remembers an idempotency key for a day."""

REASONS = {
    "trial_not_offered": "This plan has no trial. You can buy it right away.",
    "trial_used_here": "This workspace has had its trial. You can buy the plan right away.",
    "trial_used_by_you": "You have had a trial in another workspace. You can buy the plan right away.",
    "trial_needs_address": "Taxes depend on your address: begin the trial on the checkout page.",
}


def refusal(member: Member, plan: Plan) -> str:
    """The code of why this person gets no trial of this plan here; empty when they may have one. One query."""
    if not plan.trial_days:
        return "trial_not_offered"
    mine = Q(workspace_id=member.workspace_id) | Q(person_ref=member.person_ref)
    uses = list(TrialUse.objects.filter(mine))
    if any(use.workspace_id == member.workspace_id for use in uses):
        return "trial_used_here"
    return "trial_used_by_you" if uses else ""


def require(member: Member, plan: Plan) -> None:
    """Raises TrialRefused, which says why."""
    code = refusal(member, plan)
    if code:
        refuse(code)


def refuse(code: str) -> NoReturn:
    raise TrialRefused(REASONS[code], code=code)


def claim(member: Member, plan: Plan, account: BillingAccount) -> TrialUse:
    """Takes the trial before the payment service is asked for it, so that of two attempts at once one gets it.

    The one who began it and never learned how that ended may try again. Raises TrialRefused.
    """
    if not plan.trial_days:
        refuse("trial_not_offered")
    if settings.STRIPE_AUTOMATIC_TAX:
        refuse("trial_needs_address")
    try:
        with transaction.atomic():
            return TrialUse.objects.create(
                workspace_id=member.workspace_id, person_ref=member.person_ref, plan_key=plan.key
            )
    except IntegrityError:
        unfinished = _unfinished(member, plan, account)
    if unfinished is None:
        refuse(refusal(member, plan) or "trial_used_here")
    return unfinished


def _unfinished(member: Member, plan: Plan, account: BillingAccount) -> TrialUse | None:
    if account.status != BillingAccount.Status.NONE:
        return None
    return TrialUse.objects.filter(
        workspace_id=member.workspace_id,
        person_ref=member.person_ref,
        plan_key=plan.key,
        begun_at__gt=timezone.now() - RETRY_WITHIN,
    ).first()


def give_back(use: TrialUse) -> None:
    """The payment service refused for good: nothing began."""
    use.delete()


def settle_start(account: BillingAccount, subscription: SubscriptionState) -> None:
    """A subscription began: a trial in it is taken, or is ended when somebody was quicker elsewhere.

    An effect of a sync, in its transaction.
    """
    facts = subscription.metadata
    if not facts.get("has_trial") or not facts.get("person_ref"):
        return
    is_theirs = note_begun(
        workspace_id=account.workspace_id,
        person_ref=UUID(facts["person_ref"]),
        plan_key=facts.get("plan", ""),
    )
    if not is_theirs and subscription.trial_ends_at is not None:
        transaction.on_commit(partial(_wake, subscription.id), robust=True)


def _wake(subscription_id: str) -> None:
    from billing.subscriptions import tasks  # noqa: PLC0415  tasks call services

    tasks.end_second_trial.delay(subscription_id=subscription_id)


def note_begun(*, workspace_id: UUID, person_ref: UUID, plan_key: str) -> bool:
    """Takes the trial for person and workspace. False when either had another one before."""
    TrialUse.objects.bulk_create(
        [TrialUse(workspace_id=workspace_id, person_ref=person_ref, plan_key=plan_key)], ignore_conflicts=True
    )
    return TrialUse.objects.filter(workspace_id=workspace_id, person_ref=person_ref).exists()


def subscription(member: Member, customer_id: str, chosen: Wanted) -> Any:
    """What the payment service is asked for: it ends by itself when no card was added until then."""
    return {
        "customer": customer_id,
        "items": new_items(chosen),
        "trial_period_days": chosen.plan.trial_days,
        "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        "payment_settings": {"save_default_payment_method": "on_subscription"},
        "metadata": {
            "workspace_id": str(member.workspace_id),
            "person_ref": str(member.person_ref),
            "plan": chosen.plan.key,
            "plan_id": str(chosen.plan.id),
            "has_trial": "1",
        },
    }
