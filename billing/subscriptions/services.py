"""What people do with their plan: buy, try, change, end, resume. Views check the permission before they call.

Each is a call to the payment service with no transaction open, then a short transaction for the audit log and the
billing log, then a look at the customer, so that the page is right at once, webhook or not.
"""

import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.permissions import Member
from billing import log
from billing.deals import services as deals
from billing.plans.models import Plan
from billing.stripe import sync
from billing.stripe.client import (
    PaymentRefused,
    PaymentRequestRefused,
    PaymentServiceUnavailable,
    get_client,
    payment_errors,
)
from billing.subscriptions import checkouts, customers, moves, previews, queries, refusals, trials, wanted
from billing.subscriptions.models import BillingAccount
from billing.subscriptions.previews import Preview
from billing.subscriptions.wanted import Wanted
from tenants import audit, links
from tenants.scope import get_ref

logger = logging.getLogger(__name__)

CANCELLATION_REASONS = {
    "too_expensive": "It costs too much",
    "missing_features": "Something is missing",
    "switched_service": "We use something else",
    "unused": "We do not use it",
    "customer_service": "Support was not good",
    "too_complex": "It is too complicated",
    "low_quality": "It does not work well enough",
    "other": "Another reason",
}
"""As the payment service names them."""

PORTAL_FLOWS = {"": "", "card": "payment_method_update", "cancel": "subscription_cancel"}


@dataclass(frozen=True)
class Changed:
    """`outcome`: now | period_end | unconfirmed (nothing has changed yet: `action_url` leads to the bank)."""

    outcome: str
    action_url: str = ""


def ensure_customer(account: BillingAccount, member: Member) -> str:
    """The id of the workspace's customer at the payment service, made when it is missing."""
    return customers.ensure(account, member)


def start_checkout(
    *,
    member: Member,
    plan_key: str = "",
    interval: str = "month",
    seats: int | None = None,
    trial: bool = False,
    promotion_code: str = "",
    deal: str = "",
) -> str:
    """The address of the payment service's page for this purchase; the same wish again leads to the same page.

    `deal`: a one-off purchase, which names its plan itself. Raises AlreadySubscribed, PlanArranged, PlanNotFound,
    PlanNotSold, SeatsTooFew, TrialRefused, PromotionCodeUnknown and what `payment_errors` raises.
    """
    account = _buyer(member)
    if deal:
        return _start_deal(account, member, deal)
    chosen = wanted.resolve(member.workspace_id, plan_key=plan_key, interval=interval, seats=seats)
    if trial:
        trials.require(member, chosen.plan)
    customer_id = customers.ensure(account, member)
    wish = checkouts.subscription_wish(
        member, customer_id, chosen, has_trial=trial, promotion_code=promotion_code
    )
    return checkouts.open_page(account, member, wish)


def _start_deal(account: BillingAccount, member: Member, deal_key: str) -> str:
    reserved = deals.reserve(
        workspace_id=member.workspace_id, deal_key=deal_key, person_ref=member.person_ref
    )
    plan = Plan.objects.get(id=reserved.plan_id)
    customer_id = customers.ensure(account, member)
    wish = checkouts.deal_wish(member, customer_id, plan, reserved, deal_key=deal_key)
    try:
        return checkouts.open_page(account, member, wish)
    except PaymentRequestRefused as refused:
        if refused.data.get("param") != "expires_at":
            raise
    # Too little is left of the reservation: who pays after it gets what is left, or the money back.
    return checkouts.open_page(account, member, wish.without_end())


def _buyer(member: Member) -> BillingAccount:
    """Raises AlreadySubscribed or PlanArranged."""
    account = queries.get_account(member.workspace_id)
    _refuse_arranged(account)
    if queries.is_running(account):
        way = refusals.lead_to(member.workspace_id, "billing-plans", "Change the plan")
        raise refusals.AlreadySubscribed(data=way)
    return account


def _refuse_arranged(account: BillingAccount) -> None:
    if account.custom_plan_id is not None:
        way = refusals.lead_to(account.workspace_id, "billing", "To the billing page")
        raise refusals.PlanArranged(data=way)


def open_portal(*, member: Member, flow: str = "") -> str:
    """The address of the payment service's own pages: cards, addresses, invoices, the end of the plan.

    `flow` leads straight to one thing: "card", "cancel" or "" for all.
    """
    account, kind = queries.get_account(member.workspace_id), PORTAL_FLOWS.get(flow, "")
    if kind == "subscription_cancel":
        _require_running(account)
    customer_id = customers.ensure(account, member)
    back = links.absolute_workspace_url(get_ref(id=member.workspace_id), "billing")
    params: Any = {"customer": customer_id, "return_url": back}
    if kind == "subscription_cancel":
        params["flow_data"] = {"type": kind, kind: {"subscription": account.subscription_id}}
    elif kind:
        params["flow_data"] = {"type": kind}
    with payment_errors():
        return str(get_client().v1.billing_portal.sessions.create(params).url)


def start_trial(*, member: Member, plan_key: str, interval: str = "month") -> None:
    """A trial without a card: it ends by itself unless one is added. Of two attempts at once one gets it.

    Raises TrialRefused, AlreadySubscribed and what `start_checkout` raises.
    """
    account = _buyer(member)
    chosen = wanted.resolve(member.workspace_id, plan_key=plan_key, interval=interval)
    use = trials.claim(member, chosen.plan, account)
    try:
        customer_id = customers.ensure(account, member)
        checkouts.close_open(member.workspace_id)
        with payment_errors():
            made = get_client().v1.subscriptions.create(
                trials.subscription(member, customer_id, chosen),
                {"idempotency_key": f"trial-{member.workspace_id}"},
            )
    except (PaymentRefused, PaymentRequestRefused):
        trials.give_back(use)
        raise
    _settle(account, member, "trial.started", plan=chosen.plan.key, subscription=made.id)


def preview_change(*, member: Member, plan_key: str, interval: str, seats: int | None = None) -> Preview:
    """What `change_plan` (or, where nothing runs, a purchase) would cost. Changes nothing.

    Raises what `change_plan` raises before it changes anything.
    """
    account = queries.get_account(member.workspace_id)
    _refuse_arranged(account)
    chosen = wanted.resolve(
        member.workspace_id, plan_key=plan_key, interval=interval, seats=_seats(account, seats)
    )
    if queries.is_running(account):
        _require_changeable(account, chosen)
    return previews.preview(account, chosen)


def change_plan(
    *, member: Member, plan_key: str, interval: str, seats: int | None = None, quote: str = ""
) -> Changed:
    """More is given at once and paid at once, in proportion; less when what was paid for has run out.

    `quote`: of a preview, whose figures then hold. A payment that is declined or still to be confirmed leaves the plan
    as it is. A change that was scheduled before gives way. Raises NotSubscribed, PlanUnchanged, PlanArranged,
    PlanEnding, PaymentOutstanding, QuoteOutdated, PaymentRefused and what `start_checkout` raises.
    """
    account = _require_running(queries.get_account(member.workspace_id))
    _refuse_arranged(account)
    chosen = wanted.resolve(
        member.workspace_id, plan_key=plan_key, interval=interval, seats=_seats(account, seats)
    )
    _require_changeable(account, chosen)
    return _change(account, member, chosen, quote)


def set_seats(*, member: Member, seats: int, quote: str = "") -> Changed:
    """More seats at once and paid at once; fewer at once, with credit. Of the plan that runs, in its version.

    Raises SeatsFixed for a plan whose seats come with it, and what `change_plan` raises.
    """
    account = _require_running(queries.get_account(member.workspace_id))
    _refuse_arranged(account)
    if account.plan is None or not account.plan.is_per_seat:
        raise refusals.SeatsFixed()
    chosen = wanted.of_plan(member.workspace_id, account.plan, interval=account.interval, seats=seats)
    _require_changeable(account, chosen)
    return _change(account, member, chosen, quote)


def _change(account: BillingAccount, member: Member, chosen: Wanted, quote: str) -> Changed:
    moment = previews.read_quote(account, chosen, quote)
    facts = {"plan": chosen.plan.key, "interval": chosen.interval, "quantity": chosen.quantity}
    facts |= {"was": account.plan.key if account.plan else "", "was_interval": account.interval}
    if account.schedule_id:
        moves.release(account.schedule_id)
    if not moves.is_at_once(account, chosen):
        moves.at_period_end(account, chosen)
        _settle(account, member, "plan.change_scheduled", **facts)
        return Changed("period_end")
    try:
        moved = moves.at_once(account, chosen, proration_date=moment)
    except PaymentRefused as refused:
        _settle(account, member, "plan.change_declined", **facts, decline_code=refused.data["decline_code"])
        raise
    if moved.action_url:
        _settle(account, member, "plan.change_unconfirmed", **facts)
        return Changed("unconfirmed", moved.action_url)
    _settle(account, member, "plan.changed", **facts)
    return Changed("now")


def _seats(account: BillingAccount, seats: int | None) -> int | None:
    """Nothing said about seats: those that were bought, where they are."""
    is_sold = account.plan is not None and account.plan.is_per_seat and queries.is_running(account)
    if seats is None and is_sold:
        return max(account.quantity, wanted.least_quantity(account.workspace_id))
    return seats


def _require_running(account: BillingAccount) -> BillingAccount:
    if not queries.is_running(account):
        way = refusals.lead_to(account.workspace_id, "billing-plans", "Choose a plan")
        raise refusals.NotSubscribed(data=way)
    return account


def _require_changeable(account: BillingAccount, chosen: Wanted) -> None:
    workspace_id = account.workspace_id
    if account.status in queries.OUTSTANDING:
        way = refusals.lead_to(workspace_id, "billing", "Pay the open invoice")
        raise refusals.PaymentOutstanding(data=way)
    if account.cancels_at is not None:
        raise refusals.PlanEnding(data=refusals.lead_to(workspace_id, "billing", "Resume the plan"))
    present = (account.plan_id, account.interval, account.quantity)
    if present == (chosen.plan.id, chosen.interval, chosen.quantity):
        if account.pending_plan_id is not None:
            way = refusals.lead_to(workspace_id, "billing", "Undo the scheduled change")
            raise refusals.PlanUnchanged(data=way)
        raise refusals.PlanUnchanged()


def cancel_scheduled(*, member: Member) -> None:
    """The plan goes on as it is. Raises NothingScheduled."""
    account = _require_running(queries.get_account(member.workspace_id))
    if not account.schedule_id:
        raise refusals.NothingScheduled()
    moves.release(account.schedule_id)
    _settle(account, member, "plan.change_withdrawn")


def cancel(*, member: Member, reason: str = "other", comment: str = "") -> None:
    """The plan ends when what was paid for has run out; until then it can be resumed. `reason`: of
    CANCELLATION_REASONS. A scheduled change is withdrawn. Raises NotSubscribed or PlanEnding."""
    account = _require_running(queries.get_account(member.workspace_id))
    if account.cancels_at is not None:
        raise refusals.PlanEnding("This plan is going to end already.")
    reason = reason if reason in CANCELLATION_REASONS else "other"
    if account.schedule_id:
        moves.release(account.schedule_id)
    moves.end_at_period_end(account, reason=reason, comment=comment)
    _settle(account, member, "plan.cancelled", reason=reason, has_comment=bool(comment))


def resume(*, member: Member) -> None:
    """Takes a cancellation back before it has happened. Raises NotSubscribed or NothingToResume."""
    account = _require_running(queries.get_account(member.workspace_id))
    if account.cancels_at is None:
        raise refusals.NothingToResume()
    moves.keep_on(account)
    _settle(account, member, "plan.resumed")


def end_second_trial(*, subscription_id: str) -> None:
    """Two trials of one person began at the same moment on two checkout pages: the later one ends at once, before
    anything is charged. What is over already is left as it is."""
    subscription = moves.retrieve(subscription_id)
    if subscription.status != "trialing":
        return
    with payment_errors():
        get_client().v1.subscriptions.cancel(subscription_id)
    customer_id = str(subscription.customer)
    with transaction.atomic():
        account = BillingAccount.objects.get(stripe_customer_id=customer_id)
        log.record("trial.refused", workspace_id=account.workspace_id, cause=subscription_id)
    sync.sync_customer(customer_id, cause="trial.refused")


def _settle(account: BillingAccount, member: Member, what: str, **facts: Any) -> None:
    """What was done goes into both logs; then the account is brought up to what the payment service now says."""
    workspace_id: UUID = account.workspace_id
    target = ("subscription", account.subscription_id or facts.get("subscription", ""))
    with transaction.atomic():
        audit.record(what, actor=member.actor, workspace_id=workspace_id, target=target, **facts)
        log.record(what, workspace_id=workspace_id, actor_ref=member.person_ref, **facts)
    try:
        sync.sync_customer(str(account.stripe_customer_id), cause=what)
    except PaymentServiceUnavailable:
        # It was done; the webhook, or the next reconciliation, brings the rest.
        logger.warning("a change was made and not seen yet", extra={"workspace_id": str(workspace_id)})
