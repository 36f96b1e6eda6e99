"""Roles: who gives which to whom, what ends with them, handing over, leaving, being removed."""

import json
from uuid import UUID, uuid4

import pytest

from accounts import api_keys, revocation
from accounts import queries as accounts_queries
from accounts.mails.models import Mail
from accounts.members import queries, refusals, rules, services
from accounts.models import ApiKey, Membership, User
from accounts.permissions import Permission
from config import errors, ports
from config import redis as redis_clients
from tenants.models import AuditEntry, Workspace
from tests import factories
from tests.factories import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return factories.make_workspace(factories.make_user())


@pytest.fixture
def boss(workspace):
    return factories.owner_of(workspace)


@pytest.fixture
def join(workspace):
    return lambda role: factories.join(workspace, factories.make_user(), role)


def role_of(member) -> str | None:
    return Membership.objects.filter(id=member.membership_id).values_list("role", flat=True).first()


def entries(workspace) -> list[str]:
    rows = AuditEntry.objects.filter(workspace_id=workspace.id).exclude(action="member.added")
    return [
        action for action in rows.order_by("id").values_list("action", flat=True) if "rights" not in action
    ]


def mails(kind: str) -> list[Mail]:
    return list(Mail.objects.filter(kind=kind).order_by("created_at"))


# who gives what

REFUSED = {
    ("admin", "member", "owner"): refusals.RoleAboveOwn,
    ("admin", "admin", "owner"): refusals.RoleAboveOwn,
    ("admin", "viewer", "owner"): refusals.RoleAboveOwn,
    **{("admin", "owner", role): refusals.OwnersOnly for role in Role.values},
    **{
        (own, theirs, role): errors.Forbidden
        for own in ("member", "viewer")
        for theirs in Role.values
        for role in Role.values
    },
}


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("theirs", Role.values)
@pytest.mark.parametrize("own", Role.values)
def test_role_is_given_by_the_rules(workspace, join, own, theirs, role):
    giver, other = join(own), join(theirs)
    refused = REFUSED.get((own, theirs, role))
    if refused is None:
        assert services.change_role(member=giver, membership_id=other.membership_id, role=role).role == role
        assert role_of(other) == role
        return
    with pytest.raises(refused):
        services.change_role(member=giver, membership_id=other.membership_id, role=role)
    assert role_of(other) == theirs
    assert "member.role_changed" not in entries(workspace)


@pytest.mark.parametrize("theirs", Role.values)
@pytest.mark.parametrize("own", Role.values)
def test_person_is_removed_by_the_rules(workspace, join, own, theirs):
    remover, other = join(own), join(theirs)
    refused = {"owner": None, "admin": refusals.OwnersOnly if theirs == "owner" else None}.get(
        own, errors.Forbidden
    )
    if refused is None:
        services.remove(member=remover, membership_id=other.membership_id)
        assert role_of(other) is None
        return
    with pytest.raises(refused):
        services.remove(member=remover, membership_id=other.membership_id)
    assert role_of(other) == theirs
    assert "member.removed" not in entries(workspace)


def test_everybody_gives_what_stands_not_above_them():
    assert {role: rules.grantable(role) for role in Role.values} == {
        "owner": ["owner", "admin", "member", "viewer"],
        "admin": ["admin", "member", "viewer"],
        "member": ["member", "viewer"],
        "viewer": ["viewer"],
    }


def test_role_that_was_lost_meanwhile_gives_nothing(workspace, boss, join):
    """By the role of now, whatever the request began with."""
    admin, other = join("admin"), join("member")
    services.change_role(member=boss, membership_id=admin.membership_id, role="viewer")
    for act in (
        lambda: services.change_role(member=admin, membership_id=other.membership_id, role="viewer"),
        lambda: services.remove(member=admin, membership_id=other.membership_id),
    ):
        with pytest.raises(errors.Forbidden):
            act()
    assert role_of(other) == "member"


def test_nobody_of_another_workspace_is_there(boss, globex_owner):
    foreign = globex_owner.member
    for act in (
        lambda: services.change_role(member=boss, membership_id=foreign.membership_id, role="viewer"),
        lambda: services.remove(member=boss, membership_id=foreign.membership_id),
        lambda: services.transfer_ownership(member=boss, membership_id=foreign.membership_id),
        lambda: services.remove(member=boss, membership_id=uuid4()),
    ):
        with pytest.raises(errors.NotFound):
            act()
    assert role_of(foreign) == "owner"


# the last owner


def test_last_owner_stays_owner(workspace, boss, join):
    join("admin")
    for act in (
        lambda: services.change_role(member=boss, membership_id=boss.membership_id, role="admin"),
        lambda: services.remove(member=boss, membership_id=boss.membership_id),
        lambda: services.leave(member=boss),
    ):
        with pytest.raises(refusals.LastOwner) as refused:
            act()
        assert (refused.value.code, refused.value.status) == ("last_owner", 409)
    assert role_of(boss) == "owner"
    assert [place.id for place in queries.list_sole_owned(boss.user_id)] == [workspace.id]


def test_owner_who_is_blocked_does_not_count(workspace, boss, join):
    other = join("owner")
    assert queries.list_sole_owned(boss.user_id) == []
    User.objects.filter(id=other.user_id).update(is_active=False)
    with pytest.raises(refusals.LastOwner):
        services.leave(member=boss)
    services.remove(member=boss, membership_id=other.membership_id)
    assert role_of(other) is None


def test_one_of_two_owners_may_go(boss, join):
    join("owner")
    services.leave(member=boss)
    assert role_of(boss) is None


# what a change does


def test_change_writes_one_entry_and_one_mail(workspace, boss, join):
    other = join("member")
    services.change_role(member=boss, membership_id=other.membership_id, role="viewer")
    (entry,) = AuditEntry.objects.filter(workspace_id=workspace.id, action="member.role_changed")
    assert entry.data == {
        "before": {"role": "member"},
        "after": {"role": "viewer"},
        "person": str(other.person_ref),
    }
    assert (entry.target_id, entry.actor_ref) == (str(other.membership_id), boss.person_ref)
    (mail,) = mails("role_changed")
    assert (mail.to, mail.context["role"]) == ([User.objects.get(id=other.user_id).email], "viewer")


def test_same_role_again_writes_nothing(workspace, boss, join):
    other = join("member")
    services.change_role(member=boss, membership_id=other.membership_id, role="member")
    assert "member.role_changed" not in entries(workspace)
    assert mails("role_changed") == []


def test_keys_keep_what_the_new_role_may(workspace, boss, join):
    other = join("member")
    client = factories.with_key(factories.make_key(other))
    assert (
        client.post("/api/v1/conversations", {"text": "Hi"}, content_type="application/json").status_code
        == 201
    )
    services.change_role(member=boss, membership_id=other.membership_id, role="viewer")
    assert client.get("/api/v1/conversations").status_code == 200
    assert (
        client.post("/api/v1/conversations", {"text": "Hi"}, content_type="application/json").status_code
        == 403
    )


@pytest.fixture
def announced(django_capture_on_commit_callbacks):
    subscription = redis_clients.client().pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(revocation.CHANNEL)
    subscription.get_message(timeout=2)

    def read(act, *about: UUID) -> list[dict[str, str]]:
        """What was announced of these memberships and keys: other tests announce on the same channel."""
        with django_capture_on_commit_callbacks(execute=True):
            act()
        found = []
        while (message := subscription.get_message(timeout=0.3)) is not None:
            found.append(json.loads(message["data"]))
        return [note for note in found if any(str(each) in note["id"] for each in about)]

    yield read
    subscription.close()


def test_lesser_role_ends_the_streams_that_it_does_not_allow(boss, join, announced):
    other = join("member")
    watching, asking = other.principal, other.principal_for(Permission.CHAT)
    (note,) = announced(
        lambda: services.change_role(member=boss, membership_id=other.membership_id, role="viewer"),
        other.membership_id,
    )
    assert note == {"kind": "role", "id": f"{other.membership_id}:viewer"}
    assert revocation.is_hit(asking, note["kind"], note["id"])
    assert not revocation.is_hit(watching, note["kind"], note["id"])
    assert not revocation.is_hit(boss.principal_for(Permission.CHAT), note["kind"], note["id"])
    assert revocation.list_revoked([watching, asking, boss.principal_for(Permission.CHAT)]) == {asking}


def test_greater_role_ends_nothing(boss, join, announced):
    other = join("viewer")
    act = lambda: services.change_role(member=boss, membership_id=other.membership_id, role="admin")  # noqa: E731
    assert announced(act, other.membership_id) == []
    assert revocation.list_revoked([other.principal]) == set()


def test_removal_ends_streams_keys_and_answers(workspace, boss, join, announced, monkeypatch):
    other = join("member")
    text = factories.make_key(other)
    ended = []
    monkeypatch.setattr(ports, "membership_ended", lambda **told: ended.append(told))
    notes = announced(
        lambda: services.remove(member=boss, membership_id=other.membership_id), other.membership_id
    )
    assert notes == [{"kind": "membership", "id": str(other.membership_id)}]
    assert ended == [{"workspace_id": workspace.id, "user_id": other.user_id}]
    assert factories.with_key(text).get("/v1/models").status_code == 401
    assert not ApiKey.objects.filter(prefix=api_keys.prefix_of(text)).exists()
    assert revocation.list_revoked([other.principal]) == {other.principal}
    (entry,) = AuditEntry.objects.filter(workspace_id=workspace.id, action="member.removed")
    assert entry.data == {"before": {"role": "member"}, "person": str(other.person_ref)}
    (mail,) = mails("member_removed")
    assert mail.to == [User.objects.get(id=other.user_id).email]


def test_leaving_is_entered_as_such_and_mails_nobody(workspace, join):
    other = join("viewer")
    services.leave(member=other)
    assert role_of(other) is None
    assert entries(workspace)[-1] == "member.left"
    assert Mail.objects.filter(kind="member_removed").count() == 0
    assert accounts_queries.count_seats(workspace.id) == 1


# handing over


def test_workspace_is_handed_over(workspace, boss, join, announced):
    other = join("member")
    act = lambda: services.transfer_ownership(member=boss, membership_id=other.membership_id)  # noqa: E731
    notes = announced(act, boss.membership_id, other.membership_id)
    assert (role_of(boss), role_of(other)) == ("admin", "owner")
    assert notes == [{"kind": "role", "id": f"{boss.membership_id}:admin"}]
    assert entries(workspace)[-1] == "workspace.ownership_transferred"
    entry = AuditEntry.objects.get(workspace_id=workspace.id, action="workspace.ownership_transferred")
    assert entry.data == {
        "before": {"owner_role": "owner", "other_role": "member"},
        "after": {"owner_role": "admin", "other_role": "owner"},
        "person": str(other.person_ref),
    }
    assert sorted(mail.to[0] for mail in mails("ownership_handed_over")) == sorted(
        User.objects.filter(id__in=[boss.user_id, other.user_id]).values_list("email", flat=True)
    )


@pytest.mark.parametrize("own", ["admin", "member", "viewer"])
def test_only_an_owner_hands_over(join, own):
    giver, other = join(own), join("member")
    with pytest.raises(refusals.OwnersOnly):
        services.transfer_ownership(member=giver, membership_id=other.membership_id)
    assert (role_of(giver), role_of(other)) == (own, "member")


def test_nothing_is_handed_to_oneself_or_to_who_is_blocked(boss, join):
    with pytest.raises(refusals.NotToOneself):
        services.transfer_ownership(member=boss, membership_id=boss.membership_id)
    other = join("admin")
    User.objects.filter(id=other.user_id).update(is_active=False)
    with pytest.raises(errors.NotFound):
        services.transfer_ownership(member=boss, membership_id=other.membership_id)
    assert (role_of(boss), role_of(other)) == ("owner", "admin")


def test_personal_workspace_that_is_handed_over_is_nobodys_personal_one(boss, workspace, join):
    Workspace.objects.filter(id=workspace.id).update(is_personal=True)
    services.transfer_ownership(member=boss, membership_id=join("member").membership_id)
    assert not Workspace.objects.get(id=workspace.id).is_personal
