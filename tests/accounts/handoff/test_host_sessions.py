"""A session on a workspace's own domain: it stands on that host only, ends with the one it came from."""

from urllib.parse import urlsplit

from django.conf import settings as live
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import revocation
from accounts.handoff import sessions
from accounts.models import HostSession
from tenants.models import AuditEntry
from tests import domains, factories
from tests.accounts.handoff.hops import HOST, parent_key, signed_in
from tests.domains import session_cookie, sign_in_on, visitor

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
