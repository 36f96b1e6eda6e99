"""Which open streams must end: those whose session, key or membership is gone."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import api_keys, revocation, services
from accounts.models import ApiKey
from accounts.permissions import Principal
from config import redis as redis_clients
from tenants.audit import SYSTEM
from tenants.lifecycle import services as lifecycle
from tests import factories


@pytest.fixture
def member(db, acme):
    return factories.join(acme, factories.make_user(), "member")


@pytest.fixture
def by_session(member) -> Principal:
    client = factories.sign_in(_user(member))
    return Principal(member.user_id, member.membership_id, session_key=client.session.session_key)


@pytest.fixture
def by_key(member) -> Principal:
    text = factories.make_key(member)
    key = ApiKey.objects.get(prefix=api_keys.prefix_of(text))
    return Principal(member.user_id, member.membership_id, api_key_id=key.id)


def _user(member):
    from accounts.models import User

    return User.objects.get(id=member.user_id)


def test_whoever_still_stands_is_not_revoked(by_session, by_key):
    assert revocation.list_revoked([by_session, by_key]) == set()
    assert revocation.list_revoked([]) == set()


def test_costs_three_queries_however_many_watch(by_session, by_key, assert_queries):
    many = [Principal(uuid4(), uuid4(), session_key=f"s{n}", api_key_id=uuid4()) for n in range(20)]
    with assert_queries(3):
        assert revocation.list_revoked([*many, by_session, by_key]) == set(many)


def test_ended_session_is_revoked(by_session, by_key):
    Session.objects.filter(session_key=by_session.session_key).delete()
    assert revocation.list_revoked([by_session, by_key]) == {by_session}


def test_expired_session_is_revoked(by_session):
    Session.objects.filter(session_key=by_session.session_key).update(expire_date=timezone.now())
    assert revocation.list_revoked([by_session]) == {by_session}


def test_revoked_key_is_revoked_and_the_session_stays(by_session, by_key, member):
    services.revoke_api_key(member=member, key_id=by_key.api_key_id)
    assert revocation.list_revoked([by_session, by_key]) == {by_key}


def test_expired_key_is_revoked(by_key):
    ApiKey.objects.filter(id=by_key.api_key_id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert revocation.list_revoked([by_key]) == {by_key}


def test_removed_member_is_revoked_in_every_way(by_session, by_key, member, acme):
    services.remove_member(membership_id=member.membership_id, workspace_id=acme.id, actor=SYSTEM)
    assert revocation.list_revoked([by_session, by_key]) == {by_session, by_key}


def test_deactivated_person_is_revoked(by_session, by_key, member):
    user = _user(member)
    user.is_active = False
    user.save(update_fields=["is_active"])
    assert revocation.list_revoked([by_session, by_key]) == {by_session, by_key}


def test_suspended_workspace_is_revoked(by_session, acme):
    lifecycle.suspend(workspace_id=acme.id, reason="x", actor=SYSTEM)
    assert revocation.list_revoked([by_session]) == {by_session}


@pytest.mark.parametrize(
    ("kind", "hit"), [("session", {"session"}), ("api_key", {"key"}), ("membership", {"session", "key"})]
)
def test_announcement_hits_exactly_whom_it_concerns(by_session, by_key, kind, hit):
    identifiers = {
        "session": by_session.session_key,
        "api_key": str(by_key.api_key_id),
        "membership": str(by_key.membership_id),
    }
    principals = {"session": by_session, "key": by_key}
    found = {name for name, p in principals.items() if revocation.is_hit(p, kind, identifiers[kind])}
    assert found == hit
    assert not revocation.is_hit(by_session, kind, str(uuid4()))


@pytest.fixture
def announcements():
    subscription = redis_clients.client().pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(revocation.CHANNEL)
    subscription.get_message(timeout=2)

    def read() -> list[bytes]:
        found = []
        while (message := subscription.get_message(timeout=0.2)) is not None:
            found.append(message["data"].decode())
        return found

    yield read
    subscription.close()


def test_sign_out_is_announced(by_session, member, announcements, django_capture_on_commit_callbacks):
    client = factories.sign_in(_user(member))
    session_key = client.session.session_key
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/logout/")
    assert [note for note in announcements() if session_key in note] == [
        json.dumps({"kind": "session", "id": session_key})
    ]
    assert not Session.objects.filter(session_key=session_key).exists()


def test_revocation_that_is_rolled_back_is_not_announced(member, by_key, announcements):
    services.revoke_api_key(member=member, key_id=by_key.api_key_id)
    assert not [note for note in announcements() if str(by_key.api_key_id) in note]


def test_revoked_key_and_removed_member_are_announced(
    member, by_key, acme, announcements, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        services.revoke_api_key(member=member, key_id=by_key.api_key_id)
        services.remove_member(membership_id=member.membership_id, workspace_id=acme.id, actor=SYSTEM)
    notes = "".join(announcements())
    assert f'"api_key", "id": "{by_key.api_key_id}"' in notes
    assert f'"membership", "id": "{member.membership_id}"' in notes
