"""The life of an invitation: sent, sent again, taken back, accepted, declined, expired; and who may do what."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import queries as accounts_queries
from accounts.mails.models import Mail
from accounts.members import inviting, queries, refusals, services
from accounts.members.addresses import read
from accounts.members.inviting import Verdict
from accounts.members.models import LIFE, Invitation, State
from accounts.models import Membership
from billing.seats.services import SeatsFull
from config import errors
from tenants import sealing
from tenants.audit import SYSTEM
from tenants.lifecycle import services as lifecycle
from tenants.models import AuditEntry
from tenants.scope import WorkspaceSuspended
from tests import factories
from tests.factories import Role
from tests.invited import age, invite, token_of
from usage.features.keys import Feature
from usage.features.queries import FeatureNotIncluded

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return factories.make_workspace(factories.make_user())


@pytest.fixture
def boss(workspace):
    return factories.owner_of(workspace)


@pytest.fixture
def ada():
    return factories.make_user()


def entries(workspace, prefix: str = "invitation.") -> list[str]:
    rows = AuditEntry.objects.filter(workspace_id=workspace.id, action__startswith=prefix)
    return list(rows.order_by("id").values_list("action", flat=True))


def give_seats(workspace, seats: int | None, *but: str) -> None:
    factories.give_rights(workspace.id, *(key for key in Feature.values if key not in but), seats=seats)


# sent


def test_invitation_is_kept_without_its_token_and_mailed_with_it(workspace, boss):
    before = timezone.now()
    invitation = invite(boss, "Ada@Example.test", "viewer")
    assert (invitation.email, invitation.role) == ("ada@example.test", "viewer")
    assert invitation.invited_by == boss.person_ref
    assert before + LIFE <= invitation.expires_at <= timezone.now() + LIFE
    assert (invitation.sent_count, invitation.state(timezone.now())) == (1, State.PENDING)
    token = token_of(invitation)
    assert len(token) == 43
    columns = Invitation.objects.filter(id=invitation.id).values().get()
    assert token not in str(columns) and bytes(columns["token_hash"]) != token.encode()
    assert queries.get_invitation(token) == invitation
    mail = Mail.objects.get(key=f"invitation:{invitation.id}:1")
    assert (mail.kind, mail.to, mail.context) == ("invitation", [], {}), "the sent mail keeps no token"


def test_entry_names_the_address_only_sealed(workspace, boss):
    invitation = invite(boss, "ada@example.test")
    entry = AuditEntry.objects.get(workspace_id=workspace.id, action="invitation.created")
    assert (entry.target_type, entry.target_id) == ("invitation", str(invitation.id))
    assert entry.data == {"after": {"role": "member"}}
    assert "ada" not in str(entry.data)
    (sealed,) = [part for part in entry.sealed if part["of"] == str(invitation.id)]
    assert sealing.unseal([(invitation.id, sealed["text"])]) == [{"personal": {"email": "ada@example.test"}}]
    sealing.destroy([invitation.id])
    assert sealing.unseal([(invitation.id, sealed["text"])]) == [None]


def test_pasted_list_is_judged_line_by_line(workspace, boss, ada):
    factories.join(workspace, ada, Role.MEMBER)
    invite(boss, "waiting@example.test")
    text = f"New <new@example.test>, {ada.email.upper()}; waiting@example.test\nnonsense\nnew@example.test"
    judged = inviting.invite_entries(member=boss, entries=read(text), role="member")
    assert [(row.text, row.verdict) for row in judged] == [
        ("New <new@example.test>", Verdict.INVITED),
        (ada.email.upper(), Verdict.MEMBER),
        ("waiting@example.test", Verdict.ALREADY),
        ("nonsense", Verdict.MALFORMED),
        ("new@example.test", Verdict.ALREADY),
    ]
    assert Invitation.objects.filter(workspace_id=workspace.id).count() == 2
    assert entries(workspace) == ["invitation.created"] * 2


def test_second_proven_address_of_a_member_is_a_member_too(workspace, boss, ada):
    factories.join(workspace, ada, Role.MEMBER)
    ada.emailaddress_set.create(email="second@example.test", verified=True)
    ada.emailaddress_set.create(email="unproven@example.test", verified=False)
    emails = ["second@example.test", "unproven@example.test"]
    assert [row.email for row in services.invite(member=boss, emails=emails, role="viewer")] == [emails[1]]


def test_more_than_a_hundred_at_once_are_refused(workspace, boss):
    emails = [f"p{number}@example.test" for number in range(101)]
    with pytest.raises(refusals.TooManyInvitations) as refused:
        services.invite(member=boss, emails=emails, role="member")
    assert refused.value.message == "These are 101 addresses. Invite at most 100 at once."
    assert not Invitation.objects.filter(workspace_id=workspace.id).exists()
    assert len(services.invite(member=boss, emails=emails[:100], role="member")) == 100


def test_workspace_sends_so_many_in_a_day(workspace, boss, monkeypatch):
    monkeypatch.setattr(inviting, "MOST_IN_A_DAY", 3)
    first, _ = services.invite(member=boss, emails=["a@x.test", "b@x.test"], role="member")
    services.revoke(member=boss, invitation_id=first.id)
    with pytest.raises(refusals.InvitationsSpent):
        services.invite(member=boss, emails=["c@x.test", "d@x.test"], role="member")
    third = invite(boss, "c@x.test")
    age(third, timedelta(minutes=2))
    with pytest.raises(refusals.InvitationsSpent):
        services.resend(member=boss, invitation_id=third.id)
    for row in Invitation.objects.filter(workspace_id=workspace.id):
        age(row, timedelta(days=1))
    assert invite(boss, "d@x.test").sent_count == 1


def test_nobody_gives_a_role_above_their_own(workspace, boss, ada):
    admin = factories.join(workspace, ada, Role.ADMIN)
    with pytest.raises(refusals.RoleAboveOwn):
        services.invite(member=admin, emails=["x@example.test"], role="owner")
    with pytest.raises(refusals.UnknownRole):
        services.invite(member=boss, emails=["x@example.test"], role="emperor")
    assert not Invitation.objects.filter(workspace_id=workspace.id).exists()
    assert invite(boss, "x@example.test", "owner").role == "owner"


def test_database_keeps_one_open_invitation_for_an_address(workspace, boss):
    one = invite(boss, "ada@example.test")
    same = {"workspace_id": workspace.id, "email": one.email, "role": "viewer", "invited_by": one.invited_by}
    with pytest.raises(IntegrityError, match="invitation_open_once"), transaction.atomic():
        Invitation.objects.create(
            **same, token_hash=b"x", expires_at=one.expires_at, last_sent_at=one.last_sent_at
        )


# seats


def test_pending_invitation_holds_a_seat_until_it_ends(workspace, boss):
    give_seats(workspace, 3)
    first, second = services.invite(member=boss, emails=["a@x.test", "b@x.test"], role="member")
    assert accounts_queries.count_seats(workspace.id) == 3
    with pytest.raises(SeatsFull):
        invite(boss, "c@x.test")
    with pytest.raises(SeatsFull):
        factories.join(workspace, factories.make_user(), Role.MEMBER)
    services.revoke(member=boss, invitation_id=first.id)
    assert accounts_queries.count_seats(workspace.id) == 2
    age(second)
    assert accounts_queries.count_seats(workspace.id) == 1
    assert len(services.invite(member=boss, emails=["c@x.test", "d@x.test"], role="member")) == 2


def test_list_beyond_the_seats_invites_nobody_and_says_how_many_are_free(workspace, boss):
    give_seats(workspace, 4)
    invite(boss, "a@x.test")
    with pytest.raises(SeatsFull) as refused:
        services.invite(member=boss, emails=["b@x.test", "c@x.test", "d@x.test"], role="member")
    assert refused.value.message == (
        "The plan has 4 seats, and 2 are taken: 2 are free, and 3 are needed."
        " An owner can choose a plan with more, or remove somebody first."
    )
    assert refused.value.data["free"] == 2
    assert list(Invitation.objects.filter(workspace_id=workspace.id).values_list("email", flat=True)) == [
        "a@x.test"
    ]
    assert entries(workspace) == ["invitation.created"]
    assert Mail.objects.filter(workspace_id=workspace.id).count() == 1


def test_plan_for_one_invites_nobody(workspace, boss):
    give_seats(workspace, None, Feature.SHARED_WORKSPACE)
    with pytest.raises(FeatureNotIncluded):
        invite(boss, "a@x.test")
    assert not Invitation.objects.filter(workspace_id=workspace.id).exists()


def test_accepting_needs_no_further_seat(workspace, boss, ada):
    give_seats(workspace, 2)
    invitation = invite(boss, ada.email)
    assert accounts_queries.count_seats(workspace.id) == 2
    services.accept(user=ada, token=token_of(invitation))
    assert accounts_queries.count_seats(workspace.id) == 2


def test_plan_that_shrank_meanwhile_lets_in_as_many_as_fit(workspace, boss):
    people = [factories.make_user() for _ in range(3)]
    invitations = services.invite(member=boss, emails=[user.email for user in people], role="member")
    tokens = {row.email: token_of(row) for row in invitations}
    give_seats(workspace, 3)
    for user in people[:2]:
        services.accept(user=user, token=tokens[user.email])
    with pytest.raises(SeatsFull):
        services.accept(user=people[2], token=tokens[people[2].email])
    assert Membership.objects.filter(workspace_id=workspace.id).count() == 3
    give_seats(workspace, 4)
    services.accept(user=people[2], token=tokens[people[2].email])
    assert Membership.objects.filter(workspace_id=workspace.id).count() == 4


# sent again, taken back


def test_sending_again_kills_the_former_link_and_gives_seven_days(workspace, boss, ada):
    invitation = age(invite(boss, ada.email), timedelta(days=3))
    former = token_of(invitation)
    again = services.resend(member=boss, invitation_id=invitation.id)
    assert (again.id, again.sent_count) == (invitation.id, 2)
    assert again.expires_at - again.last_sent_at == LIFE
    with pytest.raises(refusals.InvitationUnknown):
        services.accept(user=ada, token=former)
    assert not Membership.objects.filter(workspace_id=workspace.id, user=ada).exists()
    assert services.accept(user=ada, token=token_of(again)).role == "member"
    assert entries(workspace) == ["invitation.created", "invitation.resent", "invitation.accepted"]


def test_sending_again_waits_a_minute(workspace, boss):
    invitation = invite(boss, "ada@example.test")
    with pytest.raises(refusals.SentJustNow) as refused:
        services.resend(member=boss, invitation_id=invitation.id)
    assert 0 < refused.value.data["retry_after_s"] <= 60
    assert entries(workspace) == ["invitation.created"]


def test_expired_one_takes_a_seat_again_when_it_is_sent_again(workspace, boss):
    give_seats(workspace, 2)
    expired = age(invite(boss, "a@x.test"))
    other = invite(boss, "b@x.test")
    with pytest.raises(SeatsFull):
        services.resend(member=boss, invitation_id=expired.id)
    services.revoke(member=boss, invitation_id=other.id)
    services.resend(member=boss, invitation_id=expired.id)
    assert accounts_queries.count_seats(workspace.id) == 2


def test_invitation_of_another_workspace_is_not_there(boss, globex_owner):
    foreign = invite(globex_owner.member, "x@example.test")
    for act in (services.resend, services.revoke):
        with pytest.raises(errors.NotFound):
            act(member=boss, invitation_id=foreign.id)
    foreign.refresh_from_db()
    assert (foreign.sent_count, foreign.revoked_at) == (1, None)


def test_admin_cannot_send_an_owners_invitation_again(workspace, boss, ada):
    admin = factories.join(workspace, ada, Role.ADMIN)
    invitation = age(invite(boss, "x@example.test", "owner"), timedelta(hours=1))
    with pytest.raises(refusals.RoleAboveOwn):
        services.resend(member=admin, invitation_id=invitation.id)


def test_who_joined_in_another_way_is_not_mailed_again(workspace, boss, ada):
    invitation = age(invite(boss, ada.email), timedelta(hours=1))
    factories.join(workspace, ada, Role.MEMBER)
    with pytest.raises(refusals.AlreadyMember):
        services.resend(member=boss, invitation_id=invitation.id)


def test_expired_one_is_replaced_and_still_reads_as_expired(workspace, boss, ada):
    old = age(invite(boss, ada.email))
    token = token_of(old)
    new = invite(boss, ada.email, "viewer")
    assert new.id != old.id
    with pytest.raises(refusals.InvitationEnded) as refused:
        services.accept(user=ada, token=token)
    assert (refused.value.code, refused.value.status) == ("invitation_expired", 410)
    assert services.accept(user=ada, token=token_of(new)).role == "viewer"


# answered


def test_accepting_makes_one_membership_with_one_entry(workspace, boss, ada):
    invitation = invite(boss, ada.email.upper(), "viewer")
    token = token_of(invitation)
    before = AuditEntry.objects.filter(workspace_id=workspace.id).count()
    membership = services.accept(user=ada, token=token)
    assert (membership.workspace_id, membership.user_id, membership.role) == (workspace.id, ada.id, "viewer")
    assert AuditEntry.objects.filter(workspace_id=workspace.id).count() == before + 1
    entry = AuditEntry.objects.get(workspace_id=workspace.id, action="invitation.accepted")
    assert entry.data == {"membership": str(membership.id), "role": "viewer"}
    assert entry.actor_ref == factories.member_of(workspace, ada).person_ref
    assert services.accept(user=ada, token=token) == membership
    assert AuditEntry.objects.filter(workspace_id=workspace.id).count() == before + 1


def test_wrong_person_changes_nothing_and_learns_no_address(workspace, boss, ada):
    invitation = invite(boss, "mary.ann@acme.test")
    token = token_of(invitation)
    for act in (services.accept, services.decline):
        with pytest.raises(refusals.OtherAddress) as refused:
            act(user=ada, token=token)
        assert refused.value.status == 403
        assert refused.value.data == {"sent_to": "m…@acme.test"}
        assert "m…@acme.test" in refused.value.message and "mary" not in refused.value.message
    invitation.refresh_from_db()
    assert invitation.state(timezone.now()) == State.PENDING
    assert not Membership.objects.filter(workspace_id=workspace.id, user=ada).exists()


def test_address_that_is_not_proven_is_not_theirs(workspace, boss, ada):
    ada.emailaddress_set.create(email="mary@acme.test", verified=False)
    token = token_of(invite(boss, "mary@acme.test"))
    with pytest.raises(refusals.OtherAddress):
        services.accept(user=ada, token=token)
    ada.emailaddress_set.update(verified=True)
    assert services.accept(user=ada, token=token).user_id == ada.id


@pytest.mark.parametrize("state", ["expired", "revoked", "declined"])
def test_ended_invitation_lets_nobody_in(workspace, boss, ada, state):
    invitation = invite(boss, ada.email)
    token = token_of(invitation)
    if state == "expired":
        age(invitation)
    elif state == "revoked":
        services.revoke(member=boss, invitation_id=invitation.id)
    else:
        services.decline(user=ada, token=token)
    for act in (services.accept, services.decline):
        with pytest.raises(refusals.InvitationEnded) as refused:
            act(user=ada, token=token)
        assert (refused.value.code, refused.value.status) == (f"invitation_{state}", 410)
    assert not Membership.objects.filter(workspace_id=workspace.id, user=ada).exists()
    assert len(entries(workspace)) == (1 if state == "expired" else 2)


def test_made_up_link_leads_nowhere(ada):
    for token in ("", "made-up", "x" * 43):
        with pytest.raises(refusals.InvitationUnknown):
            services.accept(user=ada, token=token)


def test_by_its_id_only_whom_it_is_for_answers(workspace, boss, ada):
    invitation = invite(boss, ada.email)
    stranger = factories.make_user()
    for act in (services.accept, services.decline):
        with pytest.raises(errors.NotFound):
            act(user=stranger, invitation_id=invitation.id)
        with pytest.raises(errors.NotFound):
            act(user=ada, invitation_id=uuid4())
    assert services.accept(user=ada, invitation_id=invitation.id).user_id == ada.id


def test_declining_frees_the_seat(workspace, boss, ada):
    give_seats(workspace, 2)
    invitation = invite(boss, ada.email)
    services.decline(token=token_of(invitation))
    assert accounts_queries.count_seats(workspace.id) == 1
    entry = AuditEntry.objects.get(workspace_id=workspace.id, action="invitation.declined")
    assert entry.actor_kind == "system"


def test_member_by_another_address_keeps_their_role(workspace, boss, ada):
    factories.join(workspace, ada, Role.ADMIN)
    invitation = invite(boss, "second@example.test", "viewer")
    ada.emailaddress_set.create(email="second@example.test", verified=True)
    assert services.accept(user=ada, token=token_of(invitation)).role == "admin"
    assert accounts_queries.count_pending_invitations(workspace.id) == 0


def test_nobody_joins_a_suspended_workspace(workspace, boss, ada):
    token = token_of(invite(boss, ada.email))
    lifecycle.suspend(workspace_id=workspace.id, reason="x", actor=SYSTEM)
    with pytest.raises(WorkspaceSuspended):
        services.accept(user=ada, token=token)
    assert queries.list_own_invitations(ada, now=timezone.now()) == []
    lifecycle.resume(workspace_id=workspace.id, reason="x", actor=SYSTEM)
    assert services.accept(user=ada, token=token).user_id == ada.id


# forgotten


def test_what_ended_a_month_ago_is_forgotten(workspace, boss):
    now = timezone.now()
    pending, expired, revoked = services.invite(
        member=boss, emails=["a@x.test", "b@x.test", "c@x.test"], role="member"
    )
    services.revoke(member=boss, invitation_id=revoked.id)
    services.forget_ended(now=now + timedelta(days=29))
    assert Invitation.objects.filter(workspace_id=workspace.id).count() == 3
    age(expired, LIFE + timedelta(days=31))
    Invitation.objects.filter(id=revoked.id).update(revoked_at=now - timedelta(days=31))
    services.forget_ended(now=now)
    assert list(Invitation.objects.filter(workspace_id=workspace.id)) == [pending]
