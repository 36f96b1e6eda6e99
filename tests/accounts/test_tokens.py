"""Signing in without a browser: pairs of tokens, their rotation, and what ends them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import jwt
import pytest
from allauth.headless.tokens.strategies.jwt import internal
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client

from accounts import gates, revocation
from accounts.models import ApiKey, User
from accounts.permissions import Principal
from accounts.signin import services as signin
from accounts.sso import passwords
from accounts.tokens import services, sessions
from config import redis as redis_clients
from tenants.models import AuditEntry
from tests import factories
from tests.factories import PASSWORD

JSON = "application/json"


@pytest.fixture
def person(db, acme) -> User:
    user = factories.make_user()
    factories.join(acme, user, "member")
    return user


def post(client: Client, name: str, **body):
    return client.post(f"/api/v1/auth/{name}", body, content_type=JSON)


def sign_in(user: User, **body) -> dict:
    response = post(factories.browser(), "login", email=user.email, password=PASSWORD, **body)
    assert response.status_code == 200, response.content
    return response.json()


def with_token(text: str, **headers) -> Client:
    return factories.browser(headers={"Authorization": f"Bearer {text}", **headers})


def in_acme(text: str) -> Client:
    return with_token(text, **{"X-Workspace": "acme"})


def session_of(text: str) -> str:
    return sessions.read(text, "access").session_key


def is_alive(text: str) -> bool:
    return with_token(text).get("/api/v1/auth/me").status_code == 200


# a password


def test_password_gives_a_pair(person):
    pair = sign_in(person)
    assert (pair["token_type"], pair["expires_in"]) == ("Bearer", 300)
    said = jwt.decode(pair["access"], options={"verify_signature": False})
    assert (said["token_use"], said["sub"], said["exp"] - said["iat"]) == ("access", str(person.pk), 300)
    assert person.email not in str(said)
    me = with_token(pair["access"]).get("/api/v1/auth/me").json()
    assert (me["email"], me["has_second_factor"]) == (person.email, False)
    assert [(place["slug"], place["role"]) for place in me["workspaces"]] == [("acme", "member")]


def test_answer_is_not_kept_and_sets_no_cookie(person):
    response = post(factories.browser(), "login", email=person.email, password=PASSWORD)
    assert response["Cache-Control"] == "no-store"
    assert dict(response.cookies) == {}


def test_sign_in_leaves_the_session_of_a_browser_alone(person, owner):
    client = owner.browser()
    key = client.session.session_key
    assert post(client, "login", email=person.email, password=PASSWORD).status_code == 200
    assert client.session.session_key == key
    assert client.session["_auth_user_id"] == str(owner.user.pk)


def refusal(response) -> tuple[int, dict]:
    body = response.json()
    body.pop("request_id")
    return response.status_code, body


def test_unknown_address_wrong_password_and_closed_account_answer_alike(person):
    closed = factories.make_user()
    User.objects.filter(pk=closed.pk).update(is_active=False)
    before = Session.objects.count()
    tries = [(f"{uuid4()}@example.test", PASSWORD), (person.email, "wrong"), (closed.email, PASSWORD)]
    answers = [
        refusal(post(factories.browser(), "login", email=email, password=word)) for email, word in tries
    ]
    assert answers[0] == answers[1] == answers[2]
    assert (answers[0][0], answers[0][1]["code"]) == (401, "invalid_credentials")
    assert Session.objects.count() == before


def test_unknown_address_costs_one_hash_like_a_known_one(person, monkeypatch):
    hashed: list[str] = []
    for name in ("set_password", "check_password"):
        real = getattr(User, name)
        monkeypatch.setattr(User, name, lambda self, word, real=real: hashed.append(word) or real(self, word))
    for email in (person.email, f"{uuid4()}@example.test"):
        post(factories.browser(), "login", email=email, password="wrong")
    assert hashed == ["wrong", "wrong"]


def test_address_must_be_confirmed_first(db):
    user = factories.make_user(verified=False)
    response = post(factories.browser(), "login", email=user.email, password=PASSWORD)
    assert (response.status_code, response.json()["code"]) == (403, "email_not_confirmed")
    assert not UserSession.objects.filter(user=user).exists()


def test_tries_are_braked_per_account(person):
    wrong = [post(factories.browser(), "login", email=person.email, password="wrong") for _ in range(6)]
    assert [response.status_code for response in wrong] == [401] * 5 + [429]
    assert int(wrong[-1]["Retry-After"]) > 0
    right = post(factories.browser(), "login", email=person.email, password=PASSWORD)
    assert (right.status_code, right.json()["code"]) == (429, "too_many_tries")


def test_right_passwords_are_not_counted(person):
    for _ in range(7):
        sign_in(person)


@pytest.mark.parametrize(
    "body", [{}, {"email": "x"}, {"email": "a@example.test"}, {"email": [], "password": {}}]
)
def test_incomplete_body_is_named(db, body):
    response = post(factories.browser(), "login", **body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")


def test_address_that_signs_in_elsewhere_is_told_where(person, monkeypatch):
    def refuse(request, email):
        raise ValidationError("elsewhere", code="sso_required")

    monkeypatch.setattr(passwords, "refuse_where_enforced", refuse)
    response = post(factories.browser(), "login", email=person.email, password=PASSWORD)
    assert (response.status_code, response.json()["code"]) == (403, "sso_required")
    assert response.json()["action_url"].startswith(settings.BASE_URL)


# a second factor


@pytest.fixture
def secret(person) -> str:
    made = totp.generate_totp_secret()
    totp.TOTP.activate(person, made)
    return made


def code_of(secret: str) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, int(time.time()) // 30))


def try_code(person: User, code: str):
    return post(factories.browser(), "login", email=person.email, password=PASSWORD, code=code)


def test_second_factor_is_asked_for_only_after_the_right_password(person, secret):
    response = try_code(person, "")
    assert (response.status_code, response.json()["code"]) == (401, "second_factor_required")
    wrong = post(factories.browser(), "login", email=person.email, password="wrong")
    assert wrong.json()["code"] == "invalid_credentials"
    assert not UserSession.objects.filter(user=person).exists()


def test_code_of_the_app_signs_in_once(person, secret):
    code = code_of(secret)
    assert try_code(person, code).status_code == 200
    again = try_code(person, code)
    assert (again.status_code, again.json()["code"]) == (401, "invalid_code")


def test_recovery_code_signs_in_once(person, secret):
    RecoveryCodes.activate(person)
    row = Authenticator.objects.get(user=person, type=Authenticator.Type.RECOVERY_CODES)
    code = row.wrap().get_unused_codes()[0]
    assert [try_code(person, code).status_code for _ in range(2)] == [200, 401]


def test_codes_are_braked_also_with_the_right_password(person, secret):
    answers = [try_code(person, "000000") for _ in range(6)]
    assert [response.status_code for response in answers] == [401] * 5 + [429]
    assert try_code(person, code_of(secret)).status_code == 429


# what a token opens


def test_token_and_named_workspace_are_a_member(person):
    pair = sign_in(person)
    assert in_acme(pair["access"]).get("/api/v1/assistants").status_code == 200
    assert with_token(pair["access"]).get("/api/v1/assistants").status_code == 401
    foreign = with_token(pair["access"], **{"X-Workspace": "globex"}).get("/api/v1/assistants")
    assert foreign.status_code == 404


def test_token_writes_without_a_csrf_token_within_its_role(person):
    client = in_acme(sign_in(person)["access"])
    client.handler.enforce_csrf_checks = True
    body = {"name": "By token", "scopes": ["view"]}
    assert client.post("/api/v1/keys", body, content_type=JSON).status_code == 201
    assert ApiKey.objects.filter(membership__user=person).count() == 1
    assert client.get("/api/v1/usage/statements").status_code in (403, 404)


def test_request_with_a_token_sets_no_cookie(person):
    response = in_acme(sign_in(person)["access"]).get("/api/v1/assistants")
    assert dict(response.cookies) == {}


def test_request_that_notes_something_brings_back_no_used_refresh_token(person):
    first = sign_in(person)
    _, session = sessions.find(first["access"])
    session["noted"] = 1
    second = post(factories.browser(), "refresh", refresh=first["refresh"]).json()
    session.save()
    assert session.modified is False
    assert sessions.find(second["access"])[1]["noted"] == 1
    assert post(factories.browser(), "refresh", refresh=first["refresh"]).status_code == 401


def test_session_written_back_as_a_whole_would_bring_it_back(person):
    """The control: Django's own store."""
    first = sign_in(person)
    whole = SessionStore(session_of(first["access"]))
    whole["noted"] = 1
    post(factories.browser(), "refresh", refresh=first["refresh"])
    whole.save()
    assert post(factories.browser(), "refresh", refresh=first["refresh"]).status_code == 200


def test_what_a_gate_notes_is_kept(person, monkeypatch):
    def count(request, workspace, member):
        request.session["times"] = request.session.get("times", 0) + 1

    monkeypatch.setattr(gates, "GATES", [count])
    pair = sign_in(person)
    for _ in range(2):
        assert dict(in_acme(pair["access"]).get("/api/v1/assistants").cookies) == {}
    assert sessions.find(pair["access"])[1]["times"] == 2


def test_ended_session_is_not_noted_into_being(person):
    pair = sign_in(person)
    _, session = sessions.find(pair["access"])
    signin.end_sessions(user_id=person.pk)
    session["noted"] = 1
    session.save()
    assert not is_alive(pair["access"])


def test_coming_in_by_token_is_one_entry(person, acme):
    client = in_acme(sign_in(person)["access"])
    for _ in range(3):
        client.get("/api/v1/assistants")
    ref = person.person_reference.ref
    rows = AuditEntry.objects.filter(workspace_id=acme.id, actor_ref=ref, action="session.entered")
    assert len(rows) == 1


def test_token_opens_neither_pages_nor_the_openai_protocol(person):
    client = in_acme(sign_in(person)["access"])
    assert client.get("/w/acme/")["Location"].startswith("/accounts/login/")
    assert client.get("/v1/models").status_code == 401


def test_gates_of_a_workspace_hold_for_tokens(person, monkeypatch):
    def closed(request, workspace, member):
        assert request.session["account_authentication_methods"][0]["method"] == "password"
        raise gates.GateClosed("Not by this door.", code="closed", door="/me/")

    monkeypatch.setattr(gates, "GATES", [closed])
    response = in_acme(sign_in(person)["access"]).get("/api/v1/assistants")
    assert (response.status_code, response.json()["code"]) == (403, "closed")


def forged(person, **changes) -> str:
    said = jwt.decode(sign_in(person)["access"], options={"verify_signature": False}) | changes
    return jwt.encode(said, settings.HEADLESS_JWT_PRIVATE_KEY, algorithm="HS256")


@pytest.mark.parametrize("make", [
    lambda person: sign_in(person)["access"][:-2] + "xx",
    lambda person: sign_in(person)["refresh"],
    lambda person: jwt.encode({"sub": str(person.pk), "token_use": "access"}, settings.SECRET_KEY, "HS256"),
    lambda person: jwt.encode({"sub": str(person.pk), "jti": "1", "sid": "x", "token_use": "access"}, None, "none"),
    lambda person: forged(person, exp=int(time.time()) - 1),
    lambda person: forged(person, sub=str(uuid4())),
    lambda person: forged(person, sid="AAAA"),
    lambda person: "a.b.c",
])  # fmt: skip
def test_token_that_is_not_ours_or_not_for_this_opens_nothing(person, make):
    response = in_acme(make(person)).get("/api/v1/assistants")
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")


def test_control_token_made_with_our_key_is_taken(person):
    assert in_acme(forged(person)).get("/api/v1/assistants").status_code == 200


# refresh


def test_refresh_gives_the_next_pair_in_the_same_session(person):
    first = sign_in(person)
    second = post(factories.browser(), "refresh", refresh=first["refresh"])
    assert second.status_code == 200
    pair = second.json()
    assert pair["refresh"] != first["refresh"]
    assert session_of(pair["access"]) == session_of(first["access"])
    assert is_alive(pair["access"])
    assert post(factories.browser(), "refresh", refresh=pair["refresh"]).status_code == 200


def test_header_that_is_over_does_not_keep_from_the_next_pair(person):
    pair = sign_in(person)
    client = with_token(pair["access"][:-2] + "xx")
    assert post(client, "refresh", refresh=pair["refresh"]).status_code == 200


def test_refresh_token_used_again_ends_the_family(person):
    first = sign_in(person)
    second = post(factories.browser(), "refresh", refresh=first["refresh"]).json()
    again = post(factories.browser(), "refresh", refresh=first["refresh"])
    assert (again.status_code, again.json()["code"]) == (401, "invalid_token")
    assert not is_alive(second["access"])
    assert post(factories.browser(), "refresh", refresh=second["refresh"]).status_code == 401
    assert not UserSession.objects.filter(user=person).exists()


def test_family_that_ends_leaves_the_persons_others_alone(person):
    other, first = sign_in(person), sign_in(person)
    for _ in range(2):
        post(factories.browser(), "refresh", refresh=first["refresh"])
    assert is_alive(other["access"])


@pytest.mark.parametrize("text", ["", "x", "a.b.c"])
def test_refresh_token_that_is_none_is_refused(db, text):
    assert post(factories.browser(), "refresh", refresh=text).status_code in (400, 401)


def test_access_token_does_not_refresh_and_ends_nothing(person):
    pair = sign_in(person)
    assert post(factories.browser(), "refresh", refresh=pair["access"]).status_code == 401
    assert is_alive(pair["access"])


@pytest.fixture
def family(committed, acme):
    user = factories.make_user()
    factories.join(acme, user, "member")
    yield sign_in(user)
    signin.end_sessions(user_id=user.pk)


def at_once(count: int, work) -> list:
    """Real threads that begin together. Unlike the factory's they share connections: there are fewer than twenty."""
    barrier = threading.Barrier(count)

    def begin(_: int):
        barrier.wait(timeout=30)
        try:
            return work()
        except sessions.InvalidToken as refused:
            return refused
        finally:
            connection.close()

    connection.close()
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_twenty_refreshes_at_once_give_one_pair_and_end_the_family(family):
    results = at_once(20, lambda: services.refresh(token=family["refresh"]))
    (pair,) = [result for result in results if isinstance(result, sessions.Pair)]
    assert sum(isinstance(result, sessions.InvalidToken) for result in results) == 19
    assert not is_alive(pair.access)
    assert not is_alive(family["access"])
    assert post(factories.browser(), "refresh", refresh=pair.refresh).status_code == 401


def test_without_the_lock_one_token_would_give_several_pairs(family, monkeypatch):
    """The control: the same, but for the lock of the session's row."""
    looked, real = threading.Barrier(4), internal.invalidate_refresh_token

    def meet(session, payload):
        looked.wait(timeout=30)
        real(session, payload)

    monkeypatch.setattr(internal, "invalidate_refresh_token", meet)
    results = at_once(4, lambda: sessions.renew(family["refresh"]))
    assert sum(isinstance(result, sessions.Pair) for result in results) == 4


# endings


def test_sign_out_by_access_or_refresh_token_ends_the_session(person):
    by_access, by_refresh, other = sign_in(person), sign_in(person), sign_in(person)
    assert post(with_token(by_access["access"]), "logout").status_code == 204
    assert post(factories.browser(), "logout", refresh=by_refresh["refresh"]).status_code == 204
    assert [is_alive(pair["access"]) for pair in (by_access, by_refresh, other)] == [False, False, True]
    assert post(factories.browser(), "refresh", refresh=by_access["refresh"]).status_code == 401
    assert post(factories.browser(), "logout").json()["code"] == "invalid_token"


def test_session_ended_elsewhere_takes_its_tokens_and_streams_along(
    person, acme, django_capture_on_commit_callbacks
):
    pair = sign_in(person)
    key = session_of(pair["access"])
    membership = person.memberships.get(workspace_id=acme.id)
    principal = Principal(person.pk, membership.pk, session_key=key)
    assert revocation.list_revoked([principal]) == set()
    channel = redis_clients.client().pubsub()
    channel.subscribe(revocation.CHANNEL)
    with django_capture_on_commit_callbacks(execute=True):
        signin.end_sessions(user_id=person.pk, keys=[key])
    assert not is_alive(pair["access"])
    assert revocation.list_revoked([principal]) == {principal}
    told = [message for _ in range(5) if (message := channel.get_message(timeout=1))]
    assert any(key in str(message["data"]) for message in told)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}])
def test_block_and_new_password_end_tokens(person, change):
    pair = sign_in(person)
    User.objects.filter(pk=person.pk).update(**change)
    assert not is_alive(pair["access"])
    assert post(factories.browser(), "refresh", refresh=pair["refresh"]).status_code == 401


# who is signed in


def test_me_is_for_persons(person, owner):
    key = factories.with_key(factories.make_key(owner.member))
    assert key.get("/api/v1/auth/me").status_code == 401
    assert owner.browser().get("/api/v1/auth/me").json()["email"] == owner.user.email
    response = factories.browser().get("/api/v1/auth/me")
    assert (response.status_code, response.json()["code"]) == (401, "not_signed_in")


def test_schema_describes_it(db):
    paths = factories.browser().get("/api/schema/?format=json").json()["paths"]
    assert {"/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout", "/api/v1/auth/me"} <= set(
        paths
    )
    assert paths["/api/v1/auth/login"]["post"].get("security", []) in ([], [{}])
    assert {"Token": []} in paths["/api/v1/auth/me"]["get"]["security"]
    assert {"Token": []} in paths["/api/v1/keys"]["get"]["security"]
