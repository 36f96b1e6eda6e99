"""Seats: how many persons a workspace's plan holds, checked under one lock wherever somebody may join."""

from functools import partial
from uuid import UUID

from django.db import transaction

from accounts import queries as accounts_queries
from billing import log
from billing.entitlements import services as entitlements
from billing.entitlements.accounts import lock_account
from billing.subscriptions.models import BillingAccount
from config import errors
from usage import gauges
from usage.features import queries as features
from usage.features import services as features_services
from usage.features.keys import Feature
from usage.models import Meter

Status = BillingAccount.Status
GROWING = frozenset({Status.ACTIVE, Status.TRIALING})
"""While a payment is open, nothing more is bought."""


class SeatsFull(errors.DomainError):
    """`data`: seats, taken (by persons and pending invitations), free, upgrade_url."""

    code = "seats_full"
    status = 402
    fragment = "usage/_refusal.html"
    message = "All seats of the plan are taken."


def count_taken(workspace_id: UUID) -> int:
    """By persons and by pending invitations."""
    return accounts_queries.count_seats(workspace_id)


def count_persons(workspace_id: UUID) -> int:
    """Those who are paid for: an invitation costs nothing until somebody accepts it."""
    return accounts_queries.count_persons(workspace_id)


def require_free(*, workspace_id: UUID, seats: int, are_held: bool = False) -> None:
    """The answer to the port `seat_wanted`: room for `seats` more, until the transaction ends.

    Whoever else wants one waits for that transaction. The first person of a workspace always finds a seat. `are_held`:
    invitations hold these seats; the plan may have shrunk since, so those who are there are counted again. Raises
    SeatsFull; FeatureNotIncluded where the plan is for one person.
    """
    account = lock_account(workspace_id)
    taken = count_persons(workspace_id) if are_held else count_taken(workspace_id)
    if taken == 0:
        return
    allowed = features.read(workspace_id).seats_allowed
    if allowed is not None and taken + seats > allowed and not _may_grow(account):
        raise _full(workspace_id, allowed, taken, wanted=seats)
    features.require(workspace_id, Feature.SHARED_WORKSPACE)


def read_allowed(*, workspace_id: UUID) -> int | None:
    """The answer to the port `seats_allowed`. One query, and what `features.state_of` costs."""
    account = (
        BillingAccount.objects.select_related("effective_plan", "plan")
        .filter(workspace_id=workspace_id)
        .first()
    )
    if account is not None and _may_grow(account):
        return None
    return features.state_of(workspace_id).seats_allowed


def _full(workspace_id: UUID, allowed: int, taken: int, *, wanted: int) -> SeatsFull:
    have = "1 seat" if allowed == 1 else f"{allowed:,} seats"
    words = f"The plan has {have}, and {taken:,} {'is' if taken == 1 else 'are'} taken."
    free = max(0, allowed - taken)
    if wanted > 1:
        words = f"{words[:-1]}: {free:,} {'is' if free == 1 else 'are'} free, and {wanted:,} are needed."
    return SeatsFull(
        f"{words} An owner can choose a plan with more, or remove somebody first.",
        data={
            "seats": allowed,
            "taken": taken,
            "free": free,
            "upgrade_url": features.upgrade_url(workspace_id),
        },
    )


def _may_grow(account: BillingAccount) -> bool:
    """Sold per seat and in order: another person is another seat on the next invoice."""
    plan = account.effective_plan
    return (
        plan is not None
        and plan.is_per_seat
        and plan == account.plan
        and bool(account.subscription_id)
        and account.status in GROWING
    )


def note_change(*, workspace_id: UUID, by: int) -> None:
    """The answer to the port `seats_changed`.

    The quantity of a plan that is sold per seat follows: here at once, at the payment service after the commit.
    """
    account = lock_account(workspace_id)
    taken = count_persons(workspace_id)
    gauges.note(workspace_id, Meter.SEATS, present=lambda: taken)
    features_services.forget_with_commit(workspace_id)
    if not _may_grow(account):
        return
    quantity = quantity_after(account.quantity, taken=taken, by=by)
    if quantity == account.quantity:
        return
    was, account.quantity = account.quantity, quantity
    account.save(update_fields=["quantity"])
    log.record("seats.changed", workspace_id=workspace_id, was=was, now=quantity)
    entitlements.refresh(workspace_id)
    transaction.on_commit(partial(_enqueue, workspace_id, was, quantity), robust=True)


def quantity_after(quantity: int, *, taken: int, by: int) -> int:
    """Seats that were bought in reserve stay bought; one that was in use goes with its person."""
    had_reserve = quantity > taken - by
    if taken > quantity or (by < 0 and not had_reserve):
        return max(1, taken)
    return quantity


def _enqueue(workspace_id: UUID, was: int, quantity: int) -> None:
    from billing.seats.tasks import sync_seats  # noqa: PLC0415  tasks call services

    sync_seats.delay(workspace_id=str(workspace_id), was=was, quantity=quantity)
