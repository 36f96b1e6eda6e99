"""Sessions: listed, ended one by one or all others, ended by what changes the account. Open streams end with them."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import revocation, services
from accounts.permissions import Principal
from accounts.queries import list_workspaces
from accounts.signin import activity, queries
from accounts.signin import services as signin
from tenants.models import AuditEntry
from tests import factories
from tests.accounts.signing_in import FIREFOX, SAFARI, prove, sign_in, turn_app_on
from tests.factories import PASSWORD

NEW_PASSWORD = "another-long-password"


@pytest.fixture
def user(db):
    return factories.make_user()


@pytest.fixture
def stream(acme):
    """What an open stream of the person stands on, signed in with this browser."""

    def stream(user, client) -> Principal:
        known = acme.id in {row.id for row in list_workspaces(user.id)}
        member = factories.member_of(acme, user) if known else factories.join(acme, user, "member")
        return Principal(user.id, member.membership_id, session_key=client.session.session_key)

    return stream


def entries(user, action: str) -> list[dict]:
    ref = services.person_reference(user)
    rows = AuditEntry.objects.filter(action=action, target_id=str(ref)).order_by("id")
    return [row.data for row in rows]


def is_open(client) -> bool:
    return client.get("/me/").status_code == 200


def test_list_shows_each_browser_and_which_is_this_one(user):
    here, _ = sign_in(user, FIREFOX), sign_in(user, SAFARI)
    page = here.get("/me/sessions/")
    labels = [(row.device.label, row.key == page.context["current"]) for row in page.context["sessions"]]
    assert labels == [("Firefox on Linux", True), ("Mobile Safari on iOS", False)]
    assert here.session.session_key not in page.content.decode(), "a key is a password"
    assert here.defaults["REMOTE_ADDR"] in page.content.decode()


def test_list_costs_as_many_queries_for_20_as_for_2(user):
    here, counts = sign_in(user), []
    for _ in range(2):
        sign_in(user)
    here.get("/me/sessions/")
    for more in (0, 18):
        for _ in range(more):
            sign_in(user)
        with CaptureQueriesContext(connection) as captured:
            assert here.get("/me/sessions/").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_ending_one_ends_that_one_with_its_streams(user, stream):
    here, there, third = sign_in(user), sign_in(user), sign_in(user)
    watched = stream(user, there)
    row = UserSession.objects.get(session_key=there.session.session_key)
    assert revocation.list_revoked([watched]) == set()
    assert here.post(f"/me/sessions/{row.pk}/end/").status_code == 302
    assert revocation.list_revoked([watched]) == {watched}
    assert (is_open(here), is_open(there), is_open(third)) == (True, False, True)
    assert entries(user, "session.ended") == [{"reason": "ended_by_person", "count": 1}]


def test_somebody_elses_session_cannot_be_ended(user, member):
    theirs = sign_in(member.user)
    row = UserSession.objects.get(session_key=theirs.session.session_key)
    assert sign_in(user).post(f"/me/sessions/{row.pk}/end/").status_code == 404
    assert is_open(theirs)


def test_ending_all_others_keeps_this_one(user):
    here, others = sign_in(user), [sign_in(user) for _ in range(3)]
    here.post("/me/sessions/end-others/")
    assert is_open(here)
    assert not any(is_open(each) for each in others)
    assert entries(user, "session.ended") == [{"reason": "ended_by_person", "count": 3}]
    here.post("/me/sessions/end-others/")
    assert len(entries(user, "session.ended")) == 1, "nothing to end is no entry"


def test_each_ended_session_is_announced(user, django_capture_on_commit_callbacks, monkeypatch):
    told = []
    monkeypatch.setattr(revocation, "_announce", lambda kind, identifier: told.append((kind, identifier)))
    here, there = sign_in(user), sign_in(user)
    key = there.session.session_key
    with django_capture_on_commit_callbacks(execute=True):
        signin.end_sessions(user_id=user.id, except_key=here.session.session_key)
    assert told == [("session", key)]


def test_password_change_ends_all_others(user, stream):
    here, there = sign_in(user), sign_in(user)
    watched = stream(user, there)
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert here.post("/accounts/password/change/", form).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert revocation.list_revoked([watched]) == {watched}
    assert (is_open(here), is_open(there)) == (True, False)
    assert entries(user, "session.ended") == [{"reason": "password_changed", "count": 1}]
    assert len(entries(user, "password.changed")) == 1
    assert [row.key for row in queries.list_sessions(user)] == [here.session.session_key]


def test_wrong_old_password_ends_nothing(user):
    here, there = sign_in(user), sign_in(user)
    form = {"oldpassword": "wrong", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert here.post("/accounts/password/change/", form).status_code == 200
    assert (is_open(here), is_open(there)) == (True, True)
    assert entries(user, "session.ended") == []


def test_second_factor_on_and_off_end_all_others(user, stream, django_capture_on_commit_callbacks):
    here, there = sign_in(user), sign_in(user)
    watched = stream(user, there)
    prove(here)
    with django_capture_on_commit_callbacks(execute=True):
        secret = turn_app_on(here)
    assert revocation.list_revoked([watched]) == {watched}
    assert (is_open(here), is_open(there)) == (True, False)

    again = sign_in(user, code=secret)
    watched = stream(user, again)
    prove(here)
    with django_capture_on_commit_callbacks(execute=True):
        assert here.post("/accounts/2fa/totp/deactivate/").status_code == 302
    assert revocation.list_revoked([watched]) == {watched}
    assert (is_open(here), is_open(again)) == (True, False)
    assert not Authenticator.objects.filter(user=user).exists()
    reasons = [data["reason"] for data in entries(user, "session.ended")]
    assert reasons == ["second_factor_added", "second_factor_removed"]


def test_signing_out_ends_its_row_and_is_entered(user):
    client = sign_in(user)
    key = client.session.session_key
    client.post("/accounts/logout/")
    assert not UserSession.objects.filter(session_key=key).exists()
    assert not Session.objects.filter(session_key=key).exists()
    assert entries(user, "session.ended") == [{"reason": "signed_out", "count": 1}]


def test_a_request_under_way_does_not_bring_an_ended_session_back(user):
    client = sign_in(user)
    key = client.session.session_key
    signin.end_sessions(user_id=user.id)
    activity.forget(key)
    client.get("/me/")
    assert queries.list_sessions(user) == []


def test_last_seen_is_written_once_a_minute(user, monkeypatch):
    client = sign_in(user)
    now = [10**15]
    monkeypatch.setattr(activity.time, "monotonic_ns", lambda: now[0])

    def writes() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get("/me/")
        return len([row for row in captured if row["sql"].startswith('UPDATE "usersessions')])

    assert [writes(), writes(), writes()] == [1, 0, 0]
    now[0] += activity.GRAIN_NS - 1
    assert writes() == 0
    now[0] += 1
    assert [writes(), writes()] == [1, 0]


def test_other_peoples_sessions_stay(user, member):
    bystander = sign_in(member.user)
    sign_in(user)
    signin.end_sessions(user_id=user.id)
    assert is_open(bystander)
