"""Signing in on a workspace's own domain: the whole hop, and every way in which it must not work."""

import json
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings as live
from django.test import Client

from accounts import services
from accounts.handoff import services as handoff
from accounts.models import HostSession
from config import redis as redis_clients
from tenants import keys
from tenants.models import AuditEntry
from tests import domains, factories
from tests.accounts.handoff.hops import HOST, parent_key, signed_in
from tests.domains import path_of, session_cookie, sign_in_on, visitor, way_back
from tests.factories import PASSWORD

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
