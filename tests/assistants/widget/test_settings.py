"""Settings of a chat on other sites, and what visitors asked, for those who look after it."""

import pytest

from assistants.builder import queries as builder
from assistants.models import Widget
from assistants.widget import sites
from assistants.widget.refusals import SitesRefused
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests.assistants.widget.visitors import SITE
from usage.models import Limit

FORM = {
    "is_on": "on", "sites": SITE, "title": "Ask us", "greeting": "Hi", "colour": "#aa3300",
    "messages_per_day": "50", "visitor_messages_per_day": "5",
}  # fmt: skip


@pytest.fixture
def address(acme, owner, db) -> str:
    with workspace_scope(acme.id):
        return f"/w/acme/assistants/{builder.get_default_assistant(owner.member).id}/widget/"


def test_it_is_made_changed_limited_and_told(acme, owner, address) -> None:
    browser = owner.browser()
    assert browser.post(address, FORM).status_code == 302
    page = browser.get(address).content.decode()
    with workspace_scope(acme.id):
        widget = Widget.objects.get()
    assert f"{widget.tail}" not in page  # it is part of the coded address only
    assert "&lt;script src=&quot;http://127.0.0.1:8000/embed/" in page
    limit = Limit.objects.get(subject_kind="widget", subject_id=str(widget.id))
    assert (limit.workspace_id, limit.meter, limit.window, limit.amount) == (acme.id, "messages", "day", 50)
    assert browser.post(address, FORM | {"messages_per_day": "60", "is_on": ""}).status_code == 302
    limit.refresh_from_db()
    assert limit.amount == 60
    entry = AuditEntry.objects.filter(action="widget.saved").latest("id")
    assert entry.data == {"is_on": False, "fields": ["is_on", "messages_per_day"], "sites": 1}


def test_refused_it_comes_back_filled(owner, address) -> None:
    response = owner.browser().post(address, FORM | {"sites": "http://evil.test", "title": "Kept"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "only https:// sites can be trusted" in page
    assert 'value="Kept"' in page


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        ("www.example.com/", "https://www.example.com"),
        ("HTTPS://Example.COM:443", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("https://*.example.com", "https://*.example.com"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://localhost:3000", "http://localhost:3000"),
    ],
)
def test_origins_are_kept_as_browsers_spell_them(text, origin) -> None:
    assert sites.read(f"\n{text}\n\n{text}") == [origin]


@pytest.mark.parametrize(
    "text",
    [
        "*", "https://*", "https://*.com;script-src *", "https://a.test; frame-src *", "https://a.test 'self'",
        "javascript:alert(1)", "data:text/html,x", "ftp://a.test", "http://a.test", "https://a.test/path",
        "https://a.test?x", "https://user@a.test", "https://a.test:99999", "https://", "'none'", "https://a..test",
        "https://*.*.test", "https://a.test,b.test",
    ],
)  # fmt: skip
def test_nothing_else_reaches_the_header(text) -> None:
    with pytest.raises(SitesRefused):
        sites.read(text)


def test_what_visitors_asked_is_read_by_who_looks_after_it(acme, owner, member, frame) -> None:
    told = frame.come().ask("Do you ship to Oslo?").json()
    base = f"/w/acme/assistants/{frame_assistant(acme)}/visitors/"
    browser = owner.browser()
    assert "Do you ship to Oslo?" in browser.get(base).content.decode()
    page = browser.get(f"{base}{told['conversation']}/").content.decode()
    assert "Do you ship to Oslo?" in page
    assert member.browser().get(base).status_code == 403
    # A conversation of a person is not to be had here.
    assert browser.get(f"{base}{acme.id}/").status_code == 404


def frame_assistant(acme):
    with workspace_scope(acme.id):
        return Widget.objects.get().assistant_id
