"""What must hold when many act at once: seats, one membership for one invitation, and an owner who is left."""

import threading
from types import SimpleNamespace

import pytest
from django.core import mail as django_mail
from django.db import IntegrityError

from accounts.members import refusals, services
from accounts.models import Invitation, Membership
from billing.plans import queries as plans
from billing.seats import services as seats
from billing.seats.services import SeatsFull
from config import errors
from tenants.models import AuditEntry
from tests import factories
from tests.billing.entitled import subscribe
from tests.factories import Role, at_once
from tests.invited import invite, token_of
from tests.usage.crowds import crowd

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture
def workspace(committed):
    """Five seats, of which an owner and an admin take two."""
    workspace = factories.make_workspace(factories.make_user(), on_free_plan=True)
    subscribe(workspace.id, plans.get_plan("team"))
    return workspace


@pytest.fixture
def boss(workspace):
    owner = Membership.objects.get(workspace_id=workspace.id, role=Role.OWNER)
    factories.join(workspace, factories.make_user(), Role.ADMIN)
    return factories.member_of(workspace, owner.user)


def pending(workspace) -> int:
    return Invitation.objects.filter(workspace_id=workspace.id).count()


def try_to_invite(boss, number: int) -> bool:
    try:
        invite(boss, f"person-{number}@example.test")
    except SeatsFull:
        return False
    return True


def test_twenty_invited_at_once_take_exactly_the_free_seats(workspace, boss):
    invited = crowd(20, lambda number: try_to_invite(boss, number))
    assert (sum(invited), pending(workspace)) == (3, 3)


def test_without_the_lock_more_are_invited(workspace, boss, monkeypatch):
    """The control: each counts before the others have invited."""
    everybody = threading.Barrier(8)
    counted = threading.local()
    real = seats.count_taken

    def count(workspace_id):
        taken = real(workspace_id)
        counted.times = getattr(counted, "times", 0) + 1
        if counted.times == 2:  # the first only takes the lock
            everybody.wait(timeout=30)
        return taken

    unlocked = SimpleNamespace(effective_plan=None)
    monkeypatch.setattr(seats, "lock_account", lambda workspace_id: unlocked)
    monkeypatch.setattr(seats, "count_taken", count)
    assert sum(crowd(8, lambda number: try_to_invite(boss, number))) == 8
    assert pending(workspace) == 8


def test_same_address_invited_at_once_is_invited_once(workspace, boss):
    found = at_once(4, lambda _: services.invite(member=boss, emails=["same@example.test"], role="member"))
    assert sorted(len(rows) for rows in found) == [0, 0, 0, 1]
    assert pending(workspace) == 1


@pytest.fixture
def invited(workspace, boss):
    """Somebody with a link."""
    user = factories.make_user()
    invitation = invite(boss, user.email)
    token = token_of(invitation)
    django_mail.outbox.clear()
    return user, token


def accepted(workspace) -> int:
    return AuditEntry.objects.filter(workspace_id=workspace.id, action="invitation.accepted").count()


def test_invitation_accepted_twice_at_once_makes_one_membership(workspace, invited):
    user, token = invited
    first, second = at_once(2, lambda _: services.accept(user=user, token=token))
    assert isinstance(first, Membership) and first == second
    assert Membership.objects.filter(workspace_id=workspace.id, user=user).count() == 1
    assert accepted(workspace) == 1


def test_without_the_lock_the_second_answer_breaks(workspace, invited, monkeypatch):
    """The control: both see an invitation that waits, and only the database's constraint keeps the second out."""
    user, token = invited
    both = threading.Barrier(2)

    def reread(found, user):
        both.wait(timeout=30)
        return found

    monkeypatch.setattr(seats, "lock_account", lambda workspace_id: SimpleNamespace(effective_plan=None))
    monkeypatch.setattr(services, "_reread", reread)
    results = at_once(2, lambda _: services.accept(user=user, token=token))
    assert {type(result) for result in results} == {Membership, IntegrityError}


def test_invitation_taken_back_while_it_is_accepted_has_one_outcome(workspace, boss, invited):
    user, token = invited
    invitation = Invitation.objects.get(workspace_id=workspace.id)
    acts = [
        lambda: services.accept(user=user, token=token),
        lambda: services.revoke(member=boss, invitation_id=invitation.id),
    ]
    results = at_once(2, lambda number: acts[number]())
    refused = [result for result in results if isinstance(result, errors.DomainError)]
    assert len(refused) == 1
    is_in = Membership.objects.filter(workspace_id=workspace.id, user=user).exists()
    invitation.refresh_from_db()
    assert (invitation.accepted_at is not None, invitation.revoked_at is not None) == (is_in, not is_in)


# owners


@pytest.fixture
def owners(workspace, boss):
    return boss, factories.join(workspace, factories.make_user(), Role.OWNER)


def owners_of(workspace) -> int:
    return Membership.objects.filter(workspace_id=workspace.id, role=Role.OWNER).count()


def demote_each_other(owners):
    def demote(number: int):
        member, other = owners[number], owners[1 - number]
        return services.change_role(member=member, membership_id=other.membership_id, role="viewer")

    return at_once(2, demote)


def test_two_owners_who_demote_each_other_at_once_leave_one(workspace, owners):
    results = demote_each_other(owners)
    assert sorted(isinstance(result, Membership) for result in results) == [False, True]
    (refused,) = [result for result in results if not isinstance(result, Membership)]
    assert isinstance(refused, errors.DomainError) and refused.status in (403, 409)
    assert owners_of(workspace) == 1


def test_two_owners_who_leave_at_once_leave_one(workspace, owners):
    results = at_once(2, lambda number: services.leave(member=owners[number]))
    assert sorted(type(result).__name__ for result in results) == ["LastOwner", "NoneType"]
    assert owners_of(workspace) == 1


def test_without_the_lock_no_owner_is_left(workspace, owners, monkeypatch):
    """The control: each sees the other as the owner who stays."""
    both = threading.Barrier(2)
    real = services._require_other_owner

    def require(found, leaving):
        real(found, leaving)
        both.wait(timeout=30)

    monkeypatch.setattr(services, "_require_other_owner", require)
    monkeypatch.setattr("django.db.models.query.QuerySet.select_for_update", lambda self, **_: self.all())
    demote_each_other(owners)
    assert owners_of(workspace) == 0


def test_last_owner_is_told_so(workspace, boss):
    with pytest.raises(refusals.LastOwner):
        services.leave(member=boss)
    assert owners_of(workspace) == 1
