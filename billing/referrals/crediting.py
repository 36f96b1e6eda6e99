"""Putting credits on balances: qualified → cards compared → each side credited → credited.

Each step is its own short transaction after its call, and each call can be made again: by its idempotency key within a
day, and later by looking whether the balance has the entry already. Whoever dies anywhere leaves a row that is due.
"""

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import stripe
from django.db import transaction
from django.utils import timezone

from billing import log
from billing.mails import services as mails
from billing.referrals.models import Referral, ReferralCredit
from billing.referrals.services import refuse
from billing.stripe.client import get_client, payment_errors
from billing.stripe.state import plain
from billing.subscriptions import customers
from billing.subscriptions import queries as subscriptions
from billing.subscriptions.models import BillingAccount
from config.errors import DomainError
from tenants import audit

logger = logging.getLogger(__name__)
State = Referral.State
CreditState, Side = ReferralCredit.State, ReferralCredit.Side
BATCH = 50
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
PAGE = 100


def credit_due(*, now: datetime | None = None) -> int:
    """Goes on with what is due; returns how many were credited in full. One that fails hinders no other."""
    at = now or timezone.now()
    rows = Referral.objects.filter(state=State.QUALIFIED, next_attempt_at__lte=at).order_by("next_attempt_at")
    return sum(_try(referral, at) for referral in rows[:BATCH])


def _try(referral: Referral, now: datetime) -> bool:
    try:
        return _go_on(referral, now)
    except DomainError as error:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(referral.attempts, 10))
        due = Referral.objects.filter(id=referral.id, state=State.QUALIFIED)
        due.update(attempts=referral.attempts + 1, next_attempt_at=now + wait)
        logger.error(
            "a referral was not credited", extra={"referral_id": str(referral.id), "code": error.code}
        )
        return False


def _go_on(referral: Referral, now: datetime) -> bool:
    credits = {row.side: row for row in referral.credits.all()}
    if referral.cards_compared_at is None and not _may_credit(referral, credits, now):
        return False
    for side in (Side.REFEREE, Side.REFERRER):
        credit(credits[side], now)
    done = Referral.objects.filter(id=referral.id, state=State.QUALIFIED)
    return bool(done.update(state=State.CREDITED, resolved_at=now))


def _may_credit(referral: Referral, credits: dict[str, ReferralCredit], now: datetime) -> bool:
    """Refuses where both pay with the same card; decided once, before anybody is credited."""
    prints = [_fingerprint(credits[side].workspace_id) for side in (Side.REFEREE, Side.REFERRER)]
    is_same = bool(prints[0]) and prints[0] == prints[1]
    with transaction.atomic():
        locked = Referral.objects.select_for_update().get(id=referral.id)
        if locked.state != State.QUALIFIED:
            return False
        if locked.cards_compared_at is None:
            if is_same:
                refuse(locked, Referral.Reason.SAME_CARD, now)
                return False
            locked.cards_compared_at = now
            locked.save(update_fields=["cards_compared_at"])
    return True


def _fingerprint(workspace_id: UUID) -> str:
    """Of the card that a workspace pays with; empty when there is none, or it has none."""
    account = BillingAccount.objects.filter(workspace_id=workspace_id).first()
    method_id = account.payment_method.get("id") if account else None
    if not method_id:
        return ""
    with payment_errors():
        method = get_client().v1.payment_methods.retrieve(method_id)
    return str(getattr(getattr(method, "card", None), "fingerprint", None) or "")


def credit(row: ReferralCredit, now: datetime) -> None:
    """Puts one side's credit on the balance, once. Raises what `payment_errors` raises."""
    if row.state == CreditState.CREDITED:
        return
    customer_id = _customer(row.workspace_id)
    was_begun = row.begun_at is not None
    if not was_begun:
        ReferralCredit.objects.filter(id=row.id, begun_at=None).update(begun_at=now)
    entry_id = (_find(customer_id, row) if was_begun else "") or _make(customer_id, row)
    with transaction.atomic():
        pending = ReferralCredit.objects.filter(id=row.id, state=CreditState.PENDING)
        if pending.update(state=CreditState.CREDITED, transaction_id=entry_id, credited_at=now):
            _tell(row, entry_id)


def _customer(workspace_id: UUID) -> str:
    """Whoever invited may never have bought anything: the credit waits on a balance all the same."""
    account = subscriptions.get_account(workspace_id)
    if account.stripe_customer_id:
        return account.stripe_customer_id
    return customers.ensure(account)


def _find(customer_id: str, row: ReferralCredit) -> str:
    """What an earlier attempt may have made, and nobody noted."""
    with payment_errors():
        listed = get_client().v1.customers.balance_transactions.list(customer_id, {"limit": PAGE})
        for entry in listed.auto_paging_iter():
            if (plain(entry).get("metadata") or {}).get("referral_credit") == str(row.id):
                return str(entry.id)
    return ""


def _make(customer_id: str, row: ReferralCredit) -> str:
    params: Any = {
        # What is below zero is the customer's credit.
        "amount": -row.amount_minor,
        "currency": row.currency,
        "description": "Credit for an invitation",
        "metadata": {"referral_credit": str(row.id)},
    }
    with payment_errors():
        entry: stripe.CustomerBalanceTransaction = get_client().v1.customers.balance_transactions.create(
            customer_id, params, {"idempotency_key": f"referral-credit-{row.id}"}
        )
    return entry.id


def _tell(row: ReferralCredit, entry_id: str) -> None:
    data: dict[str, Any] = {"side": row.side, "amount_minor": row.amount_minor}
    log.record("referral.credited", workspace_id=row.workspace_id, cause=entry_id, **data)
    audit.record(
        "referral.credited",
        actor=audit.SYSTEM,
        workspace_id=row.workspace_id,
        target=("referral_credit", row.id),
        **data,
    )
    mails.send_once(
        f"referral_credited:{row.id}",
        kind="referral_credited",
        workspace_id=row.workspace_id,
        context={
            "amount_minor": row.amount_minor,
            "currency": row.currency,
            "is_referrer": row.side == Side.REFERRER,
        },
    )
