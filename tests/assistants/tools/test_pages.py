"""What was called stands above the answer, and what waits has its buttons there, for whoever asked."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assistants.models import Message, Run, ToolCall, ToolChoice
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.tools.waiting import make_call

HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(db, owner):
    return owner.browser()


@pytest.fixture
def asked(db, acme, owner):
    """An answer that waits for its person."""
    with workspace_scope(acme.id):
        able = factories.make_assistant(owner.member, "Able", tools=["web_page", "calculator"])
        turn = factories.ask(owner.member, "Refunds?", assistant=able)
        call = {"id": "call_1", "type": "function", "function": {"name": "web_page", "arguments": "{}"}}
        run = factories.answer(turn.run, "", tool_calls=[call], finish_reason="approval")
        return turn, make_call(run)


def page(browser, turn) -> str:
    return browser.get(f"/w/acme/chat/{turn.conversation.id}/").content.decode()


def test_call_that_waits_is_shown_with_its_argument_and_four_answers(browser, asked):
    turn, call = asked
    text = page(browser, turn)
    assert "May it read this page?" in text
    assert "https://example.com/refunds" in text
    for label in ("Allow once", "Always allow", "Not now", "Never"):
        assert label in text
    assert f"/w/acme/tools/calls/{call.id}/approve/" in text
    assert "The answer goes on when you have decided." in text


def test_allowing_leads_back_to_the_conversation_where_the_answer_runs(browser, acme, asked):
    turn, call = asked
    response = browser.post(f"/w/acme/tools/calls/{call.id}/approve/", {"for": "once"})
    assert (response.status_code, response["Location"]) == (303, f"/w/acme/chat/{turn.conversation.id}/")
    text = page(browser, turn)
    assert "data-events-url" in text
    assert "Allow once" not in text
    with workspace_scope(acme.id):
        assert ToolCall.objects.get(id=call.id).state == "running"
        assert Run.objects.filter(message_id=turn.answer.id).count() == 2


def test_htmx_gets_the_answer_alone(browser, asked):
    turn, call = asked
    text = browser.post(
        f"/w/acme/tools/calls/{call.id}/refuse/", {"for": "always"}, headers=HTMX
    ).content.decode()
    assert text.lstrip().startswith("<article")
    assert 'data-events-url="' in text
    assert "Refused" in text


def test_other_members_see_no_such_call(asked, acme, admin, browser):
    turn, call = asked
    response = admin.browser().post(f"/w/acme/tools/calls/{call.id}/approve/", {"for": "once"})
    assert response.status_code == 404
    with workspace_scope(acme.id):
        assert ToolCall.objects.get(id=call.id).state == "waiting"
    assert browser.post(f"/w/acme/tools/calls/{call.id}/approve/").status_code == 303, "the control"


def test_what_tools_returned_is_shown_as_text(browser, acme, asked):
    turn, call = asked
    with workspace_scope(acme.id):
        ToolCall.objects.filter(id=call.id).update(state="done", result="<img src=x onerror=alert(1)>")
    text = page(browser, turn)
    assert "&lt;img src=x" in text
    assert "<img src=x" not in text


def test_call_of_a_run_that_ended_amid_it_is_interrupted(browser, acme, asked):
    turn, call = asked
    with workspace_scope(acme.id):
        ToolCall.objects.filter(id=call.id).update(state="running")
    assert "Interrupted" in page(browser, turn)


def test_standing_answers_have_a_page_and_can_be_taken_back(browser, acme, owner, admin, asked):
    turn, call = asked
    browser.post(f"/w/acme/tools/calls/{call.id}/approve/", {"for": "always"})
    text = browser.get("/w/acme/tools/").content.decode()
    assert "Always allowed" in text and "Able" in text
    assert "Nothing stands" in admin.browser().get("/w/acme/tools/").content.decode()
    with workspace_scope(acme.id):
        choice = ToolChoice.objects.get(person_id=owner.member.user_id)
    data = {"tool": "web_page"}
    assert (
        admin.browser().post(f"/w/acme/tools/choices/{choice.assistant_id}/forget/", data).status_code == 404
    )
    assert browser.post(f"/w/acme/tools/choices/{choice.assistant_id}/forget/", data).status_code == 302
    assert "Nothing stands" in browser.get("/w/acme/tools/").content.decode()


def test_queries_do_not_grow_with_answers_that_used_tools(browser, acme, owner, asked):
    turn, _ = asked
    url = f"/w/acme/chat/{turn.conversation.id}/"
    browser.get(url)
    with CaptureQueriesContext(connection) as few:
        browser.get(url)
    with workspace_scope(acme.id):
        parent = Message.objects.get(id=turn.answer.id)
        for number in range(20):
            more = factories.chat_services.send_message(
                member=owner.member,
                conversation=turn.conversation,
                text=f"More {number}",
                parent_id=parent.id,
            )
            run = factories.answer(more.run, "Yes.", tool_calls=[])
            make_call(run, state="done", result="42", tool="calculator")
            parent = more.answer
    with CaptureQueriesContext(connection) as many:
        text = browser.get(url).content.decode()
    assert text.count("tool-result") >= 10
    assert len(many) <= len(few) + 1, "the composer's waiting answer, or the window's"
