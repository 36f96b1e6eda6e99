"""One-off deals: a place is taken under the lock of the deal's row, for half an hour, and sold when it is paid."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from billing import grants, log
from billing.deals import queries
from billing.deals.models import DealReservation, DealStock
from billing.entitlements import services as entitlements
from billing.mails import services as mails
from billing.plans import queries as plans
from billing.stripe.state import SessionState
from billing.subscriptions.models import BillingAccount, Checkout
from config.errors import DomainError
from tenants import audit

logger = logging.getLogger(__name__)
State = DealReservation.State
HELD_FOR = timedelta(minutes=31)
"""The payment service takes no checkout that ends in less than 30 minutes; it is made a moment after this begins."""


class DealSoldOut(DomainError):
    code = "deal_sold_out"
    status = 409
    message = (
        "None is left of this offer now. One may come free within half an hour, when a checkout is left."
    )


class DealOwned(DomainError):
    code = "deal_owned"
    status = 409
    message = "This workspace has this offer already."


@dataclass(frozen=True)
class Reservation:
    """The checkout that pays for it has to end at `expires_at`, and to name `id` in its metadata: `reservation_id`."""

    id: UUID
    plan_id: UUID
    name: str
    amount_minor: int
    currency: str
    expires_at: datetime


def reserve(
    *, workspace_id: UUID, deal_key: str, person_ref: UUID | None = None, now: datetime | None = None
) -> Reservation:
    """Holds a place for a checkout. Who holds one already gets the same again.

    Raises DealNotFound, DealOwned, DealSoldOut.
    """
    deal, at = queries.get_deal(deal_key), now or timezone.now()
    plan = plans.get_plan(deal.plan_key)
    with transaction.atomic():
        _lock(deal.stock_key)
        own = DealReservation.objects.filter(deal_key=deal.stock_key, workspace_id=workspace_id)
        if own.filter(state=State.SOLD).exists() or _has_lifetime(workspace_id):
            raise DealOwned()
        row = own.filter(state=State.HELD).first()
        if row is not None and row.expires_at <= at:
            # Paid all the same, it is a late payment.
            _resolve(row, State.RELEASED, at)
            row = None
        if row is None:
            if queries.count_taken(deal.stock_key, now=at) >= deal.limit:
                raise DealSoldOut()
            row = _hold(deal, workspace_id, plan.key, at)
            data = {"deal": deal.stock_key, "expires_at": row.expires_at.isoformat()}
            log.record("deal.reserved", workspace_id=workspace_id, actor_ref=person_ref, **data)
        elif not _has_page(row, deal.key):
            row.expires_at = at + HELD_FOR
            row.save(update_fields=["expires_at"])
    return Reservation(row.id, plan.id, deal.label, row.amount_minor, row.currency, row.expires_at)


def _has_page(row: DealReservation, key: str) -> bool:
    """Whether a checkout was opened for this place; until then its end can still be moved."""
    pages = Checkout.objects.filter(workspace_id=row.workspace_id, deal_key=key, outcome="")
    return pages.filter(created_at__gte=row.created_at).exists()


def _lock(stock_key: str) -> None:
    """Whoever counts what is left, and acts on it, stands in this line."""
    DealStock.objects.bulk_create([DealStock(key=stock_key)], ignore_conflicts=True)
    DealStock.objects.select_for_update().get(key=stock_key)


def _has_lifetime(workspace_id: UUID) -> bool:
    return BillingAccount.objects.filter(workspace_id=workspace_id, lifetime_plan__isnull=False).exists()


def _hold(deal: queries.Deal, workspace_id: UUID, plan_key: str, now: datetime) -> DealReservation:
    return DealReservation.objects.create(
        deal_key=deal.stock_key,
        workspace_id=workspace_id,
        plan_key=plan_key,
        amount_minor=deal.amount_minor,
        currency=deal.currency,
        expires_at=now + HELD_FOR,
    )


def _resolve(row: DealReservation, state: str, now: datetime, *, session_id: str = "") -> None:
    row.state, row.resolved_at, row.session_id = state, now, session_id or row.session_id
    row.save(update_fields=["state", "resolved_at", "session_id"])


def release(*, reservation_id: UUID) -> bool:
    """Gives a held place back: its checkout was left. What is sold stays so."""
    rows = DealReservation.objects.filter(id=reservation_id, state=State.HELD)
    return bool(rows.update(state=State.RELEASED, resolved_at=timezone.now()))


def release_due(*, now: datetime | None = None) -> int:
    """Gives back what was not paid in time, as far as we know. Returns how many."""
    at = now or timezone.now()
    rows = DealReservation.objects.filter(state=State.HELD, expires_at__lte=at - queries.ON_ITS_WAY)
    return rows.update(state=State.RELEASED, resolved_at=at)


def note_session(account: BillingAccount, session: SessionState) -> None:
    """For the effects of a sync: a checkout that is paid may be one of a deal."""
    reservation_id = session.metadata.get("reservation_id")
    if reservation_id:
        sell(account, session_id=session.id, reservation_id=UUID(reservation_id))


def sell(
    account: BillingAccount, *, session_id: str, reservation_id: UUID, now: datetime | None = None
) -> bool:
    """A checkout was paid: once, inside the transaction that has locked the account. True when a place was sold by it.

    Who pays late gets a place if one is left. Who pays for what is not left, or again, gets the money back.
    """
    at = now or timezone.now()
    # SECURITY: the metadata of a checkout names a place of its own workspace only.
    rows = DealReservation.objects.filter(id=reservation_id, workspace_id=account.workspace_id)
    row = rows.first()
    if row is None:
        logger.error("a checkout paid for no place of a deal", extra={"session_id": session_id})
        return False
    key = f"deal:{session_id}"
    if not grants.claim(key, workspace_id=account.workspace_id, kind="deal", deal=row.deal_key):
        return False
    _lock(row.deal_key)
    row.refresh_from_db()
    if account.lifetime_plan_id is not None:
        _owe_refund(row, session_id, "twice", at)
        return False
    is_in_time = row.state == State.HELD and row.expires_at > at - queries.ON_ITS_WAY
    if not is_in_time and _count_others(row, at) >= _limit_of(row):
        _owe_refund(row, session_id, "sold_out", at)
        return False
    _give(account, row, session_id, at)
    return True


def _count_others(row: DealReservation, now: datetime) -> int:
    return queries.count_taken(row.deal_key, now=now, but=row.workspace_id)


def _limit_of(row: DealReservation) -> int:
    """Of an offer that the catalogue has no more nothing is left."""
    return next((deal.limit for deal in queries.list_deals() if deal.stock_key == row.deal_key), 0)


def _give(account: BillingAccount, row: DealReservation, session_id: str, now: datetime) -> None:
    held = DealReservation.objects.filter(
        deal_key=row.deal_key, workspace_id=row.workspace_id, state=State.HELD
    )
    held.exclude(id=row.id).update(state=State.RELEASED, resolved_at=now)
    _resolve(row, State.SOLD, now, session_id=session_id)
    catalogue = row.deal_key.split(":", 1)[0]
    account.lifetime_plan = plans.get_plan(row.plan_key, catalogue=catalogue)
    account.save(update_fields=["lifetime_plan"])
    _record("deal.sold", row, session_id)
    entitlements.refresh(account.workspace_id)
    mails.send_once(
        f"welcome:deal:{row.id}",
        kind="welcome",
        workspace_id=account.workspace_id,
        context={"plan": account.lifetime_plan.name, "is_lifetime": True},
    )


def _owe_refund(row: DealReservation, session_id: str, reason: str, now: datetime) -> None:
    """A place that is sold already stays sold: the second payment is a row of its own."""
    if row.state == State.SOLD:
        row = DealReservation(
            deal_key=row.deal_key, workspace_id=row.workspace_id, plan_key=row.plan_key,
            amount_minor=row.amount_minor, currency=row.currency, expires_at=now,
        )  # fmt: skip
    row.state, row.refund_reason, row.session_id = State.REFUND_DUE, reason, session_id
    row.resolved_at = row.next_attempt_at = now
    row.save()
    _record("deal.refund_due", row, session_id)
    transaction.on_commit(_wake_refunds, robust=True)


def _record(kind: str, row: DealReservation, session_id: str) -> None:
    data: dict[str, Any] = {
        "deal": row.deal_key,
        "amount_minor": row.amount_minor,
        "reason": row.refund_reason,
    }
    log.record(kind, workspace_id=row.workspace_id, cause=session_id, **data)
    audit.record(kind, actor=audit.SYSTEM, workspace_id=row.workspace_id, target=("deal", row.id), **data)


def _wake_refunds() -> None:
    from billing.deals.tasks import refund_deals  # noqa: PLC0415  tasks call services

    refund_deals.delay()
