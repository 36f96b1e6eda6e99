"""Coming back from the checkout page: waits for what the payment service says, never for what an address says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from billing.stripe import sync
from billing.stripe.client import PaymentServiceUnavailable, get_client, payment_errors
from billing.subscriptions import queries
from billing.subscriptions.models import BillingAccount, Checkout

ASK_AFTER = timedelta(seconds=4)
"""A webhook is given this long; then the payment service itself is asked."""
ASK_EVERY = timedelta(seconds=5)

Outcome = Checkout.Outcome
WAITING = "waiting"


@dataclass(frozen=True)
class CheckoutState:
    """`state`: waiting | done | expired | failed."""

    state: str
    plan_key: str
    plan_name: str
    action_url: str = ""


def checkout_state(workspace_id: UUID, session_id: str, *, now: datetime | None = None) -> CheckoutState:
    """How a checkout of this workspace stands. Raises CheckoutUnknown.

    May ask the payment service, at most once in five seconds however many ask at once; when that is out of reach the
    answer is what is known.
    """
    now = now or timezone.now()
    checkout = queries.access_checkout(workspace_id, session_id)
    account = queries.get_account(workspace_id)
    state = _known(checkout, account)
    if state == WAITING and _is_turn_to_ask(checkout, now):
        state = _ask(checkout)
        account = queries.get_account(workspace_id)
    if state != WAITING:
        unsettled = Checkout.objects.filter(session_id=session_id, outcome__in=["", Outcome.FAILED])
        unsettled.update(outcome=state)
    return CheckoutState(state, checkout.plan.key, checkout.plan.name, account.action_url)


def _known(checkout: Checkout, account: BillingAccount) -> str:
    """From our own rows. A checkout begins only where no subscription runs, so one that runs now is its fruit, or
    that of a later page, which is as good."""
    if checkout.outcome in (Outcome.DONE, Outcome.EXPIRED):
        return str(checkout.outcome)
    if checkout.deal_key:
        return Outcome.DONE if account.lifetime_plan_id == checkout.plan_id else WAITING
    if queries.is_running(account):
        return Outcome.DONE
    # A payment that failed may still be made.
    if account.status == BillingAccount.Status.INCOMPLETE or checkout.outcome == Outcome.FAILED:
        return Outcome.FAILED
    return Outcome.EXPIRED if checkout.outcome == Outcome.SUPERSEDED else WAITING


def _is_turn_to_ask(checkout: Checkout, now: datetime) -> bool:
    """Notes the first look and decides by one conditional update who asks."""
    rows = Checkout.objects.filter(session_id=checkout.session_id)
    rows.update(returned_at=Coalesce(F("returned_at"), now))
    due = Q(asked_at__isnull=True) | Q(asked_at__lte=now - ASK_EVERY)
    return rows.filter(due, returned_at__lte=now - ASK_AFTER).update(asked_at=now) == 1


def _ask(checkout: Checkout) -> str:
    try:
        with payment_errors():
            session = get_client().v1.checkout.sessions.retrieve(checkout.session_id)
        if session.status == "expired":
            return Outcome.EXPIRED
        if session.status == "complete":
            sync.sync_customer(str(session.customer), cause="checkout.returned")
            return _after(checkout, is_paid=session.payment_status != "unpaid")
    except PaymentServiceUnavailable:
        return WAITING
    return WAITING


def _after(checkout: Checkout, *, is_paid: bool) -> str:
    account = queries.get_account(checkout.workspace_id)
    state = _known(checkout, account)
    has_ended = account.status == BillingAccount.Status.CANCELED and not is_paid
    return Outcome.FAILED if state == WAITING and has_ended and not checkout.deal_key else state
