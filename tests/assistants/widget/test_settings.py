"""Settings of a chat on other sites, and what visitors asked, for those who look after it."""

import pytest

from assistants.builder import queries as builder
from assistants.models import Conversation, Message, Run, Widget
from assistants.widget import sites
from assistants.widget.refusals import SitesRefused
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.widget.visitors import SITE
from usage.features.keys import Feature
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


# the plan


def saved_entries(acme) -> int:
    return AuditEntry.objects.filter(action="widget.saved", workspace_id=acme.id).count()


def test_plan_without_it_makes_none_and_keeps_what_was_typed(acme, owner, address) -> None:
    factories.give_rights(acme.id, *(set(Feature.values) - {Feature.EMBED}))
    browser, before = owner.browser(), saved_entries(acme)
    assert "Your plan does not include it" in browser.get(address).content.decode()
    response = browser.post(address, FORM | {"title": "Kept"})
    page = response.content.decode()
    assert response.status_code == 402
    assert "A chat on your own site: not part of the plan Everything." in page
    assert 'value="Kept"' in page
    with workspace_scope(acme.id):
        assert not Widget.objects.exists()
    assert saved_entries(acme) == before
    factories.give_rights(acme.id, Feature.EMBED)
    assert browser.post(address, FORM).status_code == 302


def test_chat_that_is_there_goes_on_without_the_plan_and_is_switched_off(acme, owner, frame) -> None:
    address = f"/w/acme/assistants/{frame_assistant(acme)}/widget/"
    factories.give_rights(acme.id, *(set(Feature.values) - {Feature.EMBED}))
    assert frame.come().ask("Still there?").status_code == 201
    browser = owner.browser()
    assert "Your plan does not include it any more" in browser.get(address).content.decode()
    assert browser.post(address, FORM | {"title": "Another"}).status_code == 402
    assert browser.post(address, FORM | {"is_on": ""}).status_code == 302
    assert browser.post(address, FORM).status_code == 402
    with workspace_scope(acme.id):
        assert (Widget.objects.get().is_on, Widget.objects.get().title) == (False, "Ask us")


# erasing what one visitor asked


@pytest.fixture
def told(acme, frame):
    """A visitor's talk that has ended, and another one's."""
    made = [frame.come().ask(text).json() for text in ("Where do I live?", "Something else")]
    with workspace_scope(acme.id):
        for row in made:
            factories.answer(Run.objects.get(id=row["run"]), "In Oslo.")
    return made


def gone(acme, told: dict) -> bool:
    with workspace_scope(acme.id):
        return (
            not Conversation.objects.filter(id=told["conversation"]).exists()
            and not Message.objects.filter(text="Where do I live?").exists()
        )


def test_one_visitor_s_talk_is_erased_by_hand(acme, owner, frame, told) -> None:
    mine, other = told
    base = f"/w/acme/assistants/{frame_assistant(acme)}/visitors/"
    browser = owner.browser()
    url = f"{base}{mine['conversation']}/erase/"
    assert url in browser.get(base).content.decode()
    assert url in browser.get(f"{base}{mine['conversation']}/").content.decode()
    assert "Erase this chat?" in browser.get(url).content.decode()
    assert not gone(acme, mine)
    response = browser.post(url, follow=True)
    assert response.redirect_chain == [(base, 302)]
    assert "The visitor’s chat is erased." in response.content.decode()
    assert gone(acme, mine)
    entry = AuditEntry.objects.get(action="widget.talk_erased")
    with workspace_scope(acme.id):
        assert Conversation.objects.filter(id=other["conversation"]).exists()
        assert entry.data == {"widget": str(Widget.objects.get().id)}
    assert (entry.target_type, entry.target_id) == ("conversation", mine["conversation"])
    assert "Oslo" not in str(entry.data)
    assert browser.post(url).status_code == 404


def test_talk_is_erased_over_rest(acme, owner, member, told) -> None:
    mine, other = told
    base = f"/api/v1/assistants/{frame_assistant(acme)}/visitors"
    client = factories.with_key(factories.make_key(owner.member))
    listed = client.get(base).json()["results"]
    assert {row["id"] for row in listed} == {mine["conversation"], other["conversation"]}
    assert set(listed[0]) == {"id", "title", "created_at", "updated_at"}
    url = f"{base}/{mine['conversation']}"
    said = client.get(url).json()["messages"]
    assert [(row["role"], row["text"]) for row in said] == [
        ("user", "Where do I live?"),
        ("assistant", "In Oslo."),
    ]
    assert factories.with_key(factories.make_key(member.member)).delete(url).status_code == 403
    assert not gone(acme, mine)
    assert client.delete(url).status_code == 204
    assert gone(acme, mine)
    assert client.delete(url).status_code == 404
    assert [row["id"] for row in client.get(base).json()["results"]] == [other["conversation"]]


def test_talk_that_is_being_answered_stays(acme, owner, frame) -> None:
    told = frame.come().ask("Wait for it").json()
    base = f"/w/acme/assistants/{frame_assistant(acme)}/visitors/"
    assert owner.browser().post(f"{base}{told['conversation']}/erase/").status_code == 409
    with workspace_scope(acme.id):
        assert Conversation.objects.filter(id=told["conversation"]).exists()


def test_conversation_of_a_person_is_erased_by_nobody_here(acme, owner, admin, frame) -> None:
    with workspace_scope(acme.id):
        turn = factories.ask(owner.member)
        factories.answer(turn.run)
    url = f"/w/acme/assistants/{frame_assistant(acme)}/visitors/{turn.conversation.id}/erase/"
    assert admin.browser().post(url).status_code == 404
    with workspace_scope(acme.id):
        assert Conversation.objects.filter(id=turn.conversation.id).exists()
