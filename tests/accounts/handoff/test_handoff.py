"""Signing in on a workspace's own domain: the whole hop, and every way in which it must not work."""

import json
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings as live
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import revocation, services
from accounts.handoff import services as handoff
from accounts.handoff import sessions
from accounts.models import HostSession
from config import redis as redis_clients
from tenants import keys
from tenants.models import AuditEntry
from tests import domains, factories
from tests.domains import path_of, session_cookie, sign_in_on, visitor, way_back
from tests.factories import PASSWORD

HOST = "chat.acme.test"


@pytest.fixture(autouse=True)
def served(db, acme):
    return domains.serve(acme, HOST)


def parent_key(main: Client) -> str:
    return main.session.session_key


def signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


# the hop


def test_whole_hop_of_somebody_who_is_not_signed_in_anywhere(owner):
    main, own = factories.browser(), visitor(HOST)
    left = own.get("/usage/?month=1")
    assert left.status_code == 302
    assert left["Cache-Control"] == "no-store"

    asked = main.get(path_of(left["Location"]))
    assert asked.status_code == 302
    assert urlsplit(asked["Location"]).path == "/accounts/login/"
    following = parse_qs(urlsplit(asked["Location"]).query)["next"][0]
    credentials = {"login": owner.user.email, "password": PASSWORD, "next": following}
    entered = main.post("/accounts/login/", credentials)
    assert (entered.status_code, entered["Location"]) == (302, following)

    between = main.get(entered["Location"])
    assert between.status_code == 200, "a redirect after a form would be held against form-action"
    address = between.context["address"]
    assert f'content="0; url={address}"' in between.content.decode().replace("&amp;", "&")
    assert address.startswith(f"http://{HOST}:8000/handoff/return/?code=")

    back = own.get(path_of(address))
    assert (back.status_code, back["Location"]) == (302, "/usage/?month=1")
    assert own.get("/usage/?month=1").status_code == 200
    assert own.get("/keys/").status_code == 200
    session = HostSession.objects.get(parent_key=parent_key(main))
    assert (session.user_id, session.host, session.session_key) == (owner.user.id, HOST, session_cookie(own))


def test_who_is_signed_in_on_the_main_host_passes_without_a_stop(owner):
    own = visitor(HOST)
    given = way_back(owner.browser(), own, "/chat/")
    assert given.status_code == 302
    assert own.get(path_of(given["Location"]))["Location"] == "/chat/"
    assert signed_in(own)


def test_hop_is_entered_once(owner, acme):
    sign_in_on(HOST, owner)
    rows = AuditEntry.objects.filter(workspace_id=acme.id, action="session.handed_over")
    assert [(row.actor_ref, row.target_id) for row in rows] == [(owner.member.person_ref, HOST)]


def test_second_tab_does_not_spoil_the_first(owner):
    main, own = owner.browser(), visitor(HOST)
    first = way_back(main, own, "/chat/")
    way_back(main, own, "/usage/")
    assert own.get(path_of(first["Location"]))["Location"] == "/chat/"


def test_cookies_are_hardened(owner, settings):
    own = visitor(HOST)
    cookie = own.get("/").cookies["handoff"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["max-age"] == 900
    settings.HTTPS = True
    secure = visitor(HOST).get("/").cookies["__Host-handoff"]
    assert (secure["secure"], secure["path"], secure["domain"]) == (True, "/", "")


def test_code_is_kept_hashed_and_for_thirty_seconds(owner, acme):
    own = visitor(HOST)
    given = way_back(owner.browser(), own)
    code = parse_qs(urlsplit(given["Location"]).query)["code"][0]
    client = redis_clients.client()
    name = keys.handoff_key(acme.id, handoff.digest(code))
    assert 0 < client.ttl(name) <= 30
    assert code not in name
    assert code.encode() not in client.get(name)


# what must not work


def refused(client: Client, address: str, code: str, status: int = 400) -> None:
    before = session_cookie(client)
    response = client.get(path_of(address))
    assert (response.status_code, response.context["code"]) == (status, code)
    assert session_cookie(client) == before
    assert not signed_in(client)


def test_code_works_once(owner):
    own = visitor(HOST)
    given = way_back(owner.browser(), own)
    own.get(path_of(given["Location"]))
    assert signed_in(own)
    again = visitor(HOST)
    again.cookies = own.cookies.copy()
    again.cookies.pop(live.SESSION_COOKIE_NAME)
    refused(again, given["Location"], "handoff_expired")


def test_expired_code_opens_nothing(owner, acme):
    own = visitor(HOST)
    given = way_back(owner.browser(), own)
    code = parse_qs(urlsplit(given["Location"]).query)["code"][0]
    redis_clients.client().delete(keys.handoff_key(acme.id, handoff.digest(code)))
    refused(own, given["Location"], "handoff_expired")


@pytest.mark.parametrize("nonce", ["", "x" * 43, "not a nonce"])
def test_code_in_another_browser_opens_nothing_and_is_spent(owner, nonce):
    own, other = visitor(HOST), visitor(HOST)
    given = way_back(owner.browser(), own)
    if nonce:
        other.cookies["handoff"] = nonce
    refused(other, given["Location"], "handoff_other_browser")
    refused(own, given["Location"], "handoff_expired")


def test_code_for_one_workspace_opens_no_other(owner, globex):
    domains.serve(globex, "ai.globex.test")
    own, other = visitor(HOST), visitor("ai.globex.test")
    given = way_back(owner.browser(), own)
    other.cookies = own.cookies.copy()
    refused(other, given["Location"], "handoff_expired")


def test_code_for_one_name_opens_no_other_name_of_the_same_workspace(owner, acme):
    domains.serve(acme, "second.acme.test")
    own, other = visitor(HOST), visitor("second.acme.test")
    given = way_back(owner.browser(), own)
    other.cookies = own.cookies.copy()
    refused(other, given["Location"], "handoff_refused")


def test_made_up_code_opens_nothing():
    own = visitor(HOST)
    own.get("/")
    refused(own, f"/handoff/return/?code={secrets.token_urlsafe(32)}", "handoff_expired")
    refused(own, "/handoff/return/", "handoff_expired")


def test_who_is_no_member_gets_no_code(globex_owner):
    own = visitor(HOST)
    assert way_back(globex_owner.browser(), own).status_code == 404
    assert session_cookie(own) == ""


def test_who_was_removed_meanwhile_is_not_signed_in(acme, owner):
    user = factories.make_user()
    member = factories.join(acme, user, "member")
    own = visitor(HOST)
    given = way_back(factories.sign_in(user), own)
    services.remove_member(membership_id=member.membership_id, workspace_id=acme.id, actor=owner.member.actor)
    response = own.get(path_of(given["Location"]))
    assert response.status_code == 404
    assert session_cookie(own) == ""


def test_who_signed_out_meanwhile_is_not_signed_in(owner):
    main, own = owner.browser(), visitor(HOST)
    given = way_back(main, own)
    main.post("/accounts/logout/")
    refused(own, given["Location"], "handoff_ended")


def test_blocked_person_is_not_signed_in(acme, owner):
    user = factories.make_user()
    factories.join(acme, user, "member")
    own = visitor(HOST)
    given = way_back(factories.sign_in(user), own)
    services.set_sign_in_allowed(user_id=user.id, allowed=False, reason="x", actor=owner.member.actor)
    refused(own, given["Location"], "handoff_ended")


BROWSER = "0" * 64


@pytest.mark.parametrize(
    ("host", "browser"),
    [
        ("evil.test", BROWSER),
        ("", BROWSER),
        ("127.0.0.1", BROWSER),
        (f"{HOST}@evil.test", BROWSER),
        (f"evil.test/{HOST}", BROWSER),
        (f"{HOST}:8000", BROWSER),
        (HOST, ""),
        (HOST, "0" * 63),
    ],
)
def test_main_host_sends_nobody_to_what_is_not_a_verified_domain(owner, host, browser):
    for client in (owner.browser(), factories.browser()):
        response = client.get("/handoff/", {"host": host, "browser": browser, "next": "/"})
        assert (response.status_code, response.context["code"]) == (400, "handoff_refused")
        assert "Location" not in response


def test_unproven_claim_is_no_verified_domain(owner, acme):
    from tenants.audit import SYSTEM
    from tenants.domains import services as domain_services

    domain_services.add_domain(workspace_id=acme.id, typed="claimed.acme.test", actor=SYSTEM)
    query = {"host": "claimed.acme.test", "browser": BROWSER, "next": "/"}
    assert owner.browser().get("/handoff/", query).status_code == 400


@pytest.mark.parametrize(
    "path",
    ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", "evil", "", "///evil.test"],
)
def test_way_back_never_leads_elsewhere(owner, path):
    own = visitor(HOST)
    own.get("/")
    nonce = own.cookies["handoff"].value
    query = {"host": HOST, "browser": handoff.digest(nonce), "next": path}
    given = owner.browser().get(f"/handoff/?{urlencode(query)}")
    assert own.get(path_of(given["Location"]))["Location"] == "/"


# sessions stand on one host


def replay(cookie: str, host: str) -> Client:
    client = visitor(host)
    client.cookies[live.SESSION_COOKIE_NAME] = cookie
    return client


def test_session_of_an_own_domain_is_none_on_the_main_host_and_ends_there(owner):
    own = sign_in_on(HOST, owner)
    stolen = replay(session_cookie(own), factories.HOST)
    for path in ("/w/acme/", "/me/", "/accounts/email/"):
        assert urlsplit(stolen.get(path)["Location"]).path == "/accounts/login/", path
    assert stolen.get("/api/v1/workspaces").status_code == 401
    assert not signed_in(own), "who could read the cookie has nothing of it"


def test_session_of_the_main_host_is_none_on_an_own_domain(owner):
    main = owner.browser()
    assert not signed_in(replay(session_cookie(main), HOST))
    assert main.get("/w/acme/").status_code == 200


def test_session_of_one_domain_is_none_on_another(owner, acme, globex):
    domains.serve(acme, "second.acme.test")
    own = sign_in_on(HOST, owner)
    assert not signed_in(replay(session_cookie(own), "second.acme.test"))
    assert signed_in(own)


def test_session_does_not_follow_a_name_to_another_workspace(acme, globex, served):
    from tenants.audit import SYSTEM
    from tenants.domains import services as domain_services

    user = factories.make_user()
    for workspace in (acme, globex):
        factories.join(workspace, user, "member")
    own = sign_in_on(HOST, factories.Person(user))
    assert b"Acme" in own.get("/").content
    domain_services.remove_domain(workspace_id=acme.id, domain_id=served.pk, actor=SYSTEM)
    domains.serve(globex, HOST)
    assert not signed_in(own)


def test_session_of_an_own_domain_opens_no_other_workspace(globex, owner):
    factories.join(globex, owner.user, "member")
    own = sign_in_on(HOST, owner)
    for path in ("/w/globex/", "/api/v1/assistants", "/me/", "/accounts/email/"):
        response = own.get(path, headers={"X-Workspace": "globex"})
        assert response.status_code == 404, path


def test_without_the_binding_a_stolen_cookie_would_open_the_main_host(owner, monkeypatch):
    """The control."""
    own = sign_in_on(HOST, owner)
    monkeypatch.setattr(sessions, "binding_of", lambda session: None)
    assert replay(session_cookie(own), factories.HOST).get("/me/").status_code == 200


# how it ends


def test_sign_out_on_the_main_host_ends_it(owner):
    main = owner.browser()
    own = sign_in_on(HOST, owner, main)
    main.post("/accounts/logout/")
    assert not signed_in(own)
    assert not HostSession.objects.filter(user=owner.user).exists()


def test_ended_session_takes_its_open_streams_along(owner, monkeypatch, django_capture_on_commit_callbacks):
    main = owner.browser()
    own = sign_in_on(HOST, owner, main)
    told = []
    monkeypatch.setattr(revocation, "_announce", lambda kind, key: told.append((kind, key)))
    with django_capture_on_commit_callbacks(execute=True):
        main.post("/accounts/logout/")
    assert ("session", session_cookie(own)) in told


def test_session_whose_parent_just_vanished_is_over(owner):
    from dataclasses import replace

    main = owner.browser()
    own = sign_in_on(HOST, owner, main)
    principal = replace(owner.member.principal, session_key=session_cookie(own))
    assert revocation.list_revoked([principal]) == set()
    Session.objects.filter(session_key=parent_key(main)).delete()
    assert revocation.list_revoked([principal]) == {principal}
    assert not signed_in(own)
    assert not Session.objects.filter(session_key=principal.session_key).exists()


def test_parent_that_is_somebody_elses_by_now_ends_it(owner, admin):
    main = owner.browser()
    own = sign_in_on(HOST, owner, main)
    row = Session.objects.get(session_key=parent_key(main))
    data = row.get_decoded() | {"_auth_user_id": str(admin.user.id)}
    row.session_data = main.session.encode(data)
    row.save()
    assert not signed_in(own)


def test_sign_out_on_the_own_domain_signs_out_everywhere_it_came_from(owner, acme):
    main = owner.browser()
    own = sign_in_on(HOST, owner, main)
    response = own.post("/handoff/sign-out/")
    assert (response.status_code, response["Location"]) == (302, "/handoff/signed-out/")
    assert own.get(response["Location"]).status_code == 200
    assert not signed_in(own)
    assert main.get("/me/").status_code == 302, "else the next visit would sign in again by itself"
    rows = AuditEntry.objects.filter(workspace_id=acme.id, action="session.ended_on_domain")
    assert [row.target_id for row in rows] == [HOST]


def test_other_sessions_of_the_person_stay(owner):
    main, other = owner.browser(), owner.browser()
    own = sign_in_on(HOST, owner, main)
    own.post("/handoff/sign-out/")
    assert other.get("/me/").status_code == 200


def test_changed_password_ends_it(acme):
    user = factories.make_user()
    factories.join(acme, user, "member")
    own = sign_in_on(HOST, factories.Person(user))
    user.set_password("another-long-password-1")
    user.save()
    assert not signed_in(own)


# what gates read


def test_methods_of_the_session_on_the_main_host_are_there_and_stay_current(owner):
    main = owner.browser()
    session = main.session
    session["account_authentication_methods"] = [{"method": "password", "at": 1}]
    session.save()
    own = sign_in_on(HOST, owner, main)
    assert own.session["account_authentication_methods"] == [{"method": "password", "at": 1}]

    session["account_authentication_methods"] += [{"method": "mfa", "at": 2}]
    session.save()
    own.get("/")
    assert [row["method"] for row in own.session["account_authentication_methods"]] == ["password", "mfa"]
    del session["account_authentication_methods"]
    session.save()
    own.get("/")
    assert "account_authentication_methods" not in own.session


def test_closed_gate_leads_to_its_door_on_the_main_host(owner, monkeypatch, settings):
    from accounts import gates

    own = sign_in_on(HOST, owner)

    def gate(request, workspace, member):
        raise gates.GateClosed("First two factors.", code="two_factors_needed", door="/me/security/")

    monkeypatch.setattr(gates, "GATES", [gate])
    response = own.get("/")
    assert (response.status_code, response["Location"]) == (302, f"{settings.BASE_URL}/me/security/")


# forms


def test_forms_of_an_own_domain_work_with_its_own_token_only(owner):
    own = Client(HTTP_HOST=HOST, enforce_csrf_checks=True)
    signed = sign_in_on(HOST, owner)
    own.cookies[live.SESSION_COOKIE_NAME] = session_cookie(signed)
    page = own.get("/keys/new/")
    token = page.context["csrf_token"]
    data = {"name": "By form", "scopes": ["view"], "csrfmiddlewaretoken": str(token)}
    own_origin, evil = f"http://{HOST}", "http://evil.test"
    assert own.post("/keys/new/", data, headers={"Origin": evil}).status_code == 403
    assert (
        own.post(
            "/keys/new/", {**data, "csrfmiddlewaretoken": ""}, headers={"Origin": own_origin}
        ).status_code
        == 403
    )
    assert own.post("/keys/new/", data, headers={"Origin": own_origin}).status_code == 201


def test_own_domain_promises_https_for_itself_only(owner, settings):
    settings.HTTPS = True
    assert visitor(HOST).get("/handoff/signed-out/")["Strict-Transport-Security"] == "max-age=31536000"


def test_only_the_listed_pages_are_open_there(acme):
    """No workspace page begins like an open one."""
    from config import domain_urls, workspace_urls
    from tenants.middleware import OPEN_ON_OWN_DOMAIN
    from tests.test_sweep import all_routes

    class Root:
        url_patterns = workspace_urls.urlpatterns

    paths = [f"/{path}" for path, _ in all_routes(Root)]
    assert len(paths) > 40
    assert [path for path in paths if path.startswith(OPEN_ON_OWN_DOMAIN)] == []
    Root.url_patterns = domain_urls.urlpatterns[:-1]
    assert all(f"/{path}".startswith(OPEN_ON_OWN_DOMAIN) for path, _ in all_routes(Root))


def test_ticket_holds_no_secret_beyond_its_need(owner, acme):
    own = visitor(HOST)
    given = way_back(owner.browser(), own)
    code = parse_qs(urlsplit(given["Location"]).query)["code"][0]
    ticket = json.loads(redis_clients.client().get(keys.handoff_key(acme.id, handoff.digest(code))))
    assert set(ticket) == {"host", "browser", "path", "user_id", "parent_key"}
    assert own.cookies["handoff"].value not in json.dumps(ticket)


def test_redis_away_is_said(owner, monkeypatch):
    import redis

    class Away:
        def set(self, *args, **kwargs):
            raise redis.ConnectionError

        getdel = set

    own = visitor(HOST)
    left = own.get("/")
    monkeypatch.setattr(handoff.redis_clients, "client", Away)
    response = owner.browser().get(path_of(left["Location"]))
    assert (response.status_code, response.context["code"]) == (503, "handoff_unavailable")
