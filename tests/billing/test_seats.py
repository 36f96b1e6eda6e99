"""Seats: exactly as many as the plan holds, whoever joins at once, and a quantity that follows where each is sold."""

import threading
from types import SimpleNamespace

import pytest

from accounts import services as accounts_services
from accounts.models import Membership
from billing.entitlements import services as entitlements
from billing.plans import queries as plans
from billing.seats import quantity, services
from billing.seats.services import SeatsFull
from billing.subscriptions.models import BillingAccount, BillingEvent
from tenants.models import AuditEntry
from tests import factories
from tests.billing.entitled import Status, make_plan, set_account, subscribe
from tests.factories import Role
from tests.usage.crowds import crowd
from usage.features import queries as features
from usage.features.keys import Feature
from usage.features.queries import FeatureNotIncluded
from usage.models import Counter


@pytest.fixture
def told(monkeypatch) -> list[tuple[int, int]]:
    """(was, quantity) of every change that would be told to the payment service."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(services, "_enqueue", lambda workspace_id, was, now: found.append((was, now)))
    return found


@pytest.fixture
def workspace(db):
    return factories.make_workspace(factories.make_user(), on_free_plan=True)


def join(workspace) -> None:
    factories.join(workspace, factories.make_user(), Role.MEMBER)


def persons(workspace) -> int:
    return Membership.objects.filter(workspace_id=workspace.id).count()


def leave(workspace) -> None:
    last = Membership.objects.filter(workspace_id=workspace.id).order_by("-created_at").first()
    accounts_services.remove_member(
        membership_id=last.id, workspace_id=workspace.id, actor=accounts_services.person_actor(last.user)
    )


def account(workspace) -> BillingAccount:
    return BillingAccount.objects.get(workspace_id=workspace.id)


# flat


def test_free_workspace_has_its_one_seat_taken(workspace):
    with pytest.raises(SeatsFull) as refused:
        join(workspace)
    error = refused.value
    assert (error.code, error.status) == ("seats_full", 402)
    assert (error.data["seats"], error.data["taken"]) == (1, 1)
    assert error.message == (
        "The plan has 1 seat, and 1 is taken. An owner can choose a plan with more, or remove somebody first."
    )
    assert error.data["upgrade_url"].startswith(f"http://127.0.0.1:8000/w/{workspace.slug}/")
    assert persons(workspace) == 1
    assert AuditEntry.objects.filter(workspace_id=workspace.id, action="member.added").count() == 1


def test_flat_plan_holds_its_included_seats(workspace, told):
    subscribe(workspace.id, plans.get_plan("team"))
    for _ in range(4):
        join(workspace)
    with pytest.raises(SeatsFull):
        join(workspace)
    assert (persons(workspace), told) == (5, [])
    leave(workspace)
    join(workspace)
    assert persons(workspace) == 5


def test_any_number_fits_an_unlimited_plan(workspace):
    subscribe(workspace.id, make_plan("all", seats_included=None, features=Feature.values))
    for _ in range(7):
        join(workspace)
    assert persons(workspace) == 8


def test_seat_alone_is_not_enough_without_a_shared_workspace(workspace):
    subscribe(workspace.id, make_plan("alone", seats_included=3))
    with pytest.raises(FeatureNotIncluded):
        join(workspace)
    assert persons(workspace) == 1


def test_account_that_is_missing_is_made(db):
    workspace = factories.make_workspace(factories.make_user())
    BillingAccount.objects.filter(workspace_id=workspace.id).delete()
    join(workspace)
    assert account(workspace).status == Status.NONE


def test_seats_stand_beside_the_other_limits(workspace):
    subscribe(workspace.id, plans.get_plan("team"))
    join(workspace)
    assert Counter.objects.get(workspace_id=workspace.id, meter="seats").used == 2


def test_outside_a_transaction_nothing_is_locked(committed, acme):
    with pytest.raises(RuntimeError, match="locked for a transaction"):
        services.require_free(workspace_id=acme.id, seats=1)


# at once


def with_five_seats():
    workspace = factories.make_workspace(factories.make_user(), on_free_plan=True)
    subscribe(workspace.id, plans.get_plan("team"))
    return workspace, [factories.make_user() for _ in range(20)]


def try_to_join(workspace, user) -> bool:
    try:
        factories.join(workspace, user, Role.MEMBER)
    except SeatsFull:
        return False
    return True


def test_twenty_who_join_at_once_take_exactly_the_seats(committed):
    workspace, users = with_five_seats()
    joined = crowd(20, lambda number: try_to_join(workspace, users[number]))
    assert (sum(joined), persons(workspace)) == (4, 5)


def test_without_the_lock_more_join(committed, monkeypatch):
    """The control: each counts before the others have joined."""
    workspace, users = with_five_seats()
    everybody = threading.Barrier(8)
    real = services.count_taken

    def counted(workspace_id):
        taken = real(workspace_id)
        everybody.wait(timeout=30)
        return taken

    unlocked = SimpleNamespace(effective_plan=None)
    monkeypatch.setattr(services, "lock_account", lambda workspace_id: unlocked)
    monkeypatch.setattr(services, "count_taken", counted)
    monkeypatch.setattr(services, "note_change", lambda **_: None)
    monkeypatch.setattr("config.ports.seats_changed", lambda **_: None)
    assert sum(crowd(8, lambda number: try_to_join(workspace, users[number]))) == 8
    assert persons(workspace) == 9


# per seat


@pytest.fixture
def per_seat(workspace):
    plan = make_plan("seats", is_per_seat=True, seats_included=1, features=Feature.values)
    subscribe(workspace.id, plan, quantity=2)
    return workspace


def test_another_person_is_another_seat(per_seat, told, django_capture_on_commit_callbacks):
    join(per_seat)
    assert account(per_seat).quantity == 2
    with django_capture_on_commit_callbacks(execute=True):
        join(per_seat)
    assert (account(per_seat).quantity, persons(per_seat), told) == (3, 3, [(2, 3)])
    assert features.state_of(per_seat.id).seats_allowed == 3
    assert features.state_of(per_seat.id).over_seats == frozenset()
    (event,) = BillingEvent.objects.filter(workspace_id=per_seat.id, kind="seats.changed")
    assert (event.data["was"], event.data["now"]) == (2, 3)


def test_seat_goes_with_its_person(per_seat, told, django_capture_on_commit_callbacks):
    join(per_seat)
    with django_capture_on_commit_callbacks(execute=True):
        leave(per_seat)
    assert (account(per_seat).quantity, told) == (1, [(2, 1)])


def test_seats_in_reserve_stay_bought(per_seat, told, django_capture_on_commit_callbacks):
    set_account(per_seat.id, quantity=10)
    with django_capture_on_commit_callbacks(execute=True):
        join(per_seat)
        leave(per_seat)
    assert (account(per_seat).quantity, told) == (10, [])


@pytest.mark.parametrize(
    ("before", "taken", "by", "after"),
    [(5, 5, 1, 5), (5, 6, 1, 6), (5, 7, 2, 7), (5, 4, -1, 4), (5, 3, -1, 5), (1, 0, -1, 1), (5, 6, -1, 6)],
)
def test_quantity_after_a_change(before, taken, by, after):
    assert services.quantity_after(before, taken=taken, by=by) == after


@pytest.mark.parametrize("status", [Status.PAST_DUE, Status.CANCELED, Status.UNPAID])
def test_nothing_more_is_bought_while_a_payment_is_open(per_seat, told, status):
    join(per_seat)
    set_account(per_seat.id, status=status)
    with pytest.raises((SeatsFull, FeatureNotIncluded)):
        join(per_seat)
    assert (persons(per_seat), told) == (2, [])


def test_fewer_seats_from_the_portal_make_the_last_ones_read_only(per_seat):
    join(per_seat)
    last = Membership.objects.filter(workspace_id=per_seat.id).order_by("created_at").last()
    set_account(per_seat.id, quantity=1)
    assert features.state_of(per_seat.id).over_seats == {last.id}
    set_account(per_seat.id, quantity=2)
    assert features.state_of(per_seat.id).over_seats == frozenset()


# what is told to the payment service


@pytest.mark.parametrize(
    ("theirs", "was", "now", "taken", "expected"),
    [
        (5, 5, 6, 6, 6),  # one more
        (6, 5, 6, 6, 6),  # told already
        (5, 6, 7, 7, 7),  # an earlier one was not told yet
        (7, 5, 6, 7, 7),  # a later one was told first
        (6, 6, 5, 5, 5),  # one less
        (5, 6, 5, 5, 5),  # told already
        (10, 6, 5, 5, 10),  # somebody bought more in between
        (6, 6, 5, 6, 6),  # somebody joined in between
        (1, 1, 0, 0, 1),
    ],
)
def test_quantity_that_is_told(theirs, was, now, taken, expected):
    assert quantity.wanted(theirs, was=was, quantity=now, taken=taken) == expected


def test_flat_plan_tells_nothing(workspace, monkeypatch):
    subscribe(workspace.id, plans.get_plan("team"))
    monkeypatch.setattr(quantity, "get_client", lambda: pytest.fail("the payment service was asked"))
    assert quantity.tell(workspace_id=workspace.id, was=1, quantity=2) is None


def test_refresh_under_a_seats_lock_sees_the_new_quantity(per_seat, told):
    join(per_seat)
    join(per_seat)
    assert entitlements.refresh(per_seat.id) is False, "note_change has pushed it already"
