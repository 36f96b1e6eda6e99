"""Coming into a workspace by a session is one entry of its log, once; nothing later costs anything."""

from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.auditlog import middleware, services
from tenants import sealing
from tenants.models import AuditEntry
from tests import factories


def entries(workspace) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(workspace_id=workspace.id, action="session.entered").order_by("id"))


def asked(browser, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
    return [row["sql"] for row in captured if not row["sql"].startswith("SET search_path")]


def test_first_request_is_told_and_no_later_one(db, acme, owner):
    before = len(entries(acme))
    browser = owner.browser()
    for _ in range(3):
        browser.get("/w/acme/")
    found = entries(acme)[before:]
    assert [(entry.actor_kind, entry.actor_ref) for entry in found] == [("person", owner.member.person_ref)]
    assert found[0].target_type == "session"
    assert found[0].target_id == middleware.short_of(browser.session.session_key)
    assert found[0].target_id not in browser.session.session_key


def test_later_requests_ask_nothing_more(db, acme, owner, monkeypatch):
    browser = owner.browser()
    browser.get("/w/acme/assistants/")
    browser.get("/w/acme/assistants/")
    with_note = asked(browser, "/w/acme/assistants/")
    monkeypatch.setattr(services, "note_entry", lambda request, member: None)
    assert len(asked(browser, "/w/acme/assistants/")) == len(with_note)


def test_each_session_and_each_workspace_has_its_own(db, acme, owner):
    other = factories.make_workspace(owner.user)
    before, elsewhere = len(entries(acme)), len(entries(other))
    first, second = owner.browser(), owner.browser()
    for browser in (first, second, first):
        browser.get("/w/acme/")
    first.get(f"/w/{other.slug}/")
    assert (len(entries(acme)) - before, len(entries(other)) - elsewhere) == (2, 1)


def test_api_by_a_session_is_told_too_and_a_key_is_not(db, acme, owner):
    before = len(entries(acme))
    factories.with_key(factories.make_key(owner.member)).get("/api/v1/assistants")
    assert len(entries(acme)) == before
    browser = owner.browser(headers={"X-Workspace": "acme"})
    browser.get("/api/v1/assistants")
    browser.get("/api/v1/assistants")
    assert len(entries(acme)) == before + 1


def test_nobody_who_is_refused_comes_in(db, acme, globex_owner):
    before = len(entries(acme))
    assert globex_owner.browser().get("/w/acme/").status_code == 404
    assert len(entries(acme)) == before


def test_address_and_browser_are_sealed_under_the_person(db, acme, owner):
    browser = owner.browser(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0"})
    address = browser.defaults["REMOTE_ADDR"]
    browser.get("/w/acme/")
    entry = entries(acme)[-1]
    ((ref, text),) = [(UUID(part["of"]), part["text"]) for part in entry.sealed]
    assert ref == owner.member.person_ref
    (opened,) = sealing.unseal([(ref, text)])
    assert opened is not None
    assert opened["origin"]["address"] == address
    assert opened["origin"]["session"] == entry.target_id
    assert address not in str(entry.data) + str(entry.sealed)


@pytest.mark.parametrize(("proxies", "expected"), [(0, "10.1.2.3"), (1, "198.51.100.7")])
def test_address_is_the_trusted_proxies_word(rf, settings, proxies, expected):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    request = rf.get("/", REMOTE_ADDR="10.1.2.3", HTTP_X_FORWARDED_FOR="203.0.113.66, 198.51.100.7")
    assert middleware.origin_of(request).address == expected


def test_want_of_an_address_stops_nothing(rf, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    request = rf.get("/", REMOTE_ADDR="", HTTP_X_FORWARDED_FOR="nonsense")
    assert middleware.origin_of(request).address == ""


def test_two_first_requests_at_once_write_one_entry(committed):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    browser = factories.sign_in(user)
    cookie = browser.session.session_key

    def come(number: int) -> int:
        client = factories.browser()
        client.cookies["session"] = cookie
        return client.get(f"/w/{workspace.slug}/").status_code

    assert factories.at_once(4, come) == [200, 200, 200, 200]
    assert len(entries(workspace)) == 1


def test_session_that_ended_meanwhile_writes_nothing(db, acme, owner, rf):
    browser = owner.browser()
    before = len(entries(acme))
    request = rf.get("/")
    request.session, request.user = browser.session, owner.user
    Session.objects.filter(session_key=browser.session.session_key).delete()
    services.note_entry(request, owner.member)
    assert len(entries(acme)) == before
