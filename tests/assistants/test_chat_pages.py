"""Conversations as pages: every address works without scripts, and htmx gets the part that changed."""

import re
from uuid import uuid4

import pytest

from assistants.chat import services
from assistants.models import Conversation, Message, Run
from assistants.runs import words
from tenants.scope import workspace_scope
from tests import factories
from usage import money

HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser(db, owner):
    return owner.browser()


def conversation_of(response) -> Conversation:
    found = re.fullmatch(r"/w/acme/chat/([0-9a-f-]{36})/", response["Location"])
    assert found, response["Location"]
    return Conversation.objects.get(id=found.group(1))


@pytest.fixture
def begun(browser, acme):
    """A conversation begun on the page, with its answer still queued."""
    response = browser.post("/w/acme/chat/", {"text": "What is a hold?"})
    assert response.status_code == 303
    with workspace_scope(acme.id):
        return conversation_of(response)


def answer(acme, conversation, text="A **reservation**.", **outcome) -> Run:
    with workspace_scope(acme.id):
        run = Run.objects.get(message__conversation=conversation, state="queued")
        return factories.answer(run, text, **outcome)


def page(browser, conversation, query: str = "") -> str:
    response = browser.get(f"/w/acme/chat/{conversation.id}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_empty_page_offers_a_composer_and_the_assistants(browser):
    text = browser.get("/w/acme/chat/").content.decode()
    assert "<textarea" in text
    assert "Steward" in text


def test_viewer_sees_no_composer(db, viewer):
    response = viewer.browser().get("/w/acme/chat/")
    assert response.status_code == 200
    assert b'name="text"' not in response.content


def test_begun_conversation_shows_the_question_and_where_the_answer_streams_from(browser, begun, acme):
    text = page(browser, begun)
    with workspace_scope(acme.id):
        run = Run.objects.get(message__conversation=begun)
    assert "What is a hold?" in text
    assert f'data-events-url="/w/acme/chat/runs/{run.id}/events/"' in text
    assert 'aria-busy="true"' in text
    assert f'action="/w/acme/chat/runs/{run.id}/stop/"' in text


def test_finished_answer_is_rendered_and_shows_its_cost(browser, begun, acme):
    run = answer(acme, begun)
    text = page(browser, begun)
    assert "<strong>reservation</strong>" in text
    assert "aria-busy" not in text
    assert money.as_text(run.cost_micro) in text


def test_hostile_question_and_answer_stay_text(browser, acme):
    response = browser.post("/w/acme/chat/", {"text": "<script>alert(1)</script>"})
    with workspace_scope(acme.id):
        conversation = conversation_of(response)
    answer(acme, conversation, "<img src=x onerror=alert(2)> [x](javascript:alert(3))")
    text = page(browser, conversation)
    assert "<script>alert(1)" not in text
    assert "<img src=x" not in text
    assert 'href="javascript:' not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_question_of_htmx_is_answered_with_the_new_turn_only(browser, begun, acme):
    answer(acme, begun)
    response = browser.post(f"/w/acme/chat/{begun.id}/messages/", {"text": "And then?"}, headers=HTMX)
    text = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in text
    assert "And then?" in text
    assert "What is a hold?" not in text


def test_question_without_scripts_leads_back_to_the_page(browser, begun, acme):
    answer(acme, begun)
    response = browser.post(f"/w/acme/chat/{begun.id}/messages/", {"text": "And then?"})
    assert (response.status_code, response["Location"]) == (303, f"/w/acme/chat/{begun.id}/")
    assert "And then?" in page(browser, begun)


def test_question_sent_twice_by_the_browser_is_asked_once(browser, begun, acme):
    answer(acme, begun)
    form = {"text": "And then?", "client_id": str(uuid4())}
    for _ in range(3):
        assert browser.post(f"/w/acme/chat/{begun.id}/messages/", form, headers=HTMX).status_code == 200
    with workspace_scope(acme.id):
        assert Message.objects.filter(conversation=begun, text="And then?").count() == 1


@pytest.mark.parametrize(("text", "status"), [("", 422), ("   ", 422), ("x" * 100_001, 422)])
def test_refused_question_says_why_and_writes_nothing(browser, begun, acme, text, status):
    answer(acme, begun)
    with workspace_scope(acme.id):
        before = Message.objects.count()
    response = browser.post(f"/w/acme/chat/{begun.id}/messages/", {"text": text}, headers=HTMX)
    assert response.status_code == status
    assert b"<html" not in response.content
    with workspace_scope(acme.id):
        assert Message.objects.count() == before


def test_assistant_of_another_workspace_cannot_be_chosen(browser, acme, cast):
    with workspace_scope(cast.globex.id):
        theirs = factories.make_assistant(cast.globex_owner.member, "Theirs")
    with workspace_scope(acme.id):
        before = Conversation.objects.count()
    assert browser.post("/w/acme/chat/", {"text": "x", "assistant": str(theirs.id)}).status_code == 404
    assert browser.get(f"/w/acme/chat/?assistant={theirs.id}").status_code == 404
    with workspace_scope(acme.id):
        assert Conversation.objects.count() == before


def test_branches_are_linked_and_remembered(browser, begun, acme):
    answer(acme, begun, "First answer")
    with workspace_scope(acme.id):
        first = Message.objects.get(conversation=begun, role="assistant")
    browser.post(f"/w/acme/chat/{begun.id}/messages/{first.id}/regenerate/")
    answer(acme, begun, "Second answer")
    assert "Second answer" in page(browser, begun)
    assert "First answer" not in page(browser, begun)
    assert f"?at={first.id}" in page(browser, begun)
    assert "First answer" in page(browser, begun, f"?at={first.id}")
    assert "First answer" in page(browser, begun), "the branch looked at last is shown again"


@pytest.mark.parametrize("at", ["unknown", "foreign"])
def test_branch_that_is_not_of_this_conversation_is_not_found(browser, begun, acme, owner, at):
    with workspace_scope(acme.id):
        other = factories.ask(owner.member)
    target = uuid4() if at == "unknown" else other.answer.id
    assert browser.get(f"/w/acme/chat/{begun.id}/?at={target}").status_code == 404


def test_odd_branch_parameter_is_ignored(browser, begun):
    assert "What is a hold?" in page(browser, begun, "?at=%00nonsense")


def test_edited_question_replaces_the_transcript(browser, begun, acme):
    answer(acme, begun)
    with workspace_scope(acme.id):
        question = Message.objects.get(conversation=begun, role="user")
    url = f"/w/acme/chat/{begun.id}/messages/{question.id}/edit/"
    response = browser.post(url, {"text": "In other words"}, headers=HTMX)
    text = response.content.decode()
    assert response.status_code == 200
    assert "In other words" in text
    assert "<html" not in text


@pytest.mark.parametrize("code", sorted(words.BY_CODE))
def test_failure_is_told_in_words_with_what_to_do(browser, begun, acme, code):
    answer(acme, begun, "Half an ans", state="failed", error_code=code)
    text = page(browser, begun)
    found = words.of(code)
    from django.utils.html import escape

    assert escape(found.title) in text
    assert escape(found.message) in text
    assert "Half an ans" in text


def test_stopped_answer_keeps_its_text(browser, begun, acme):
    answer(acme, begun, "Half an ans", state="stopped")
    text = page(browser, begun)
    assert "Half an ans" in text
    assert "Stopped" in text


@pytest.mark.parametrize("reason", sorted(words.NOTES))
def test_answer_that_ended_early_says_why(browser, begun, acme, reason):
    answer(acme, begun, "Half an ans", finish_reason=reason)
    from django.utils.html import escape

    assert escape(words.NOTES[reason]) in page(browser, begun)


def test_fragment_of_one_message_is_that_message(browser, begun, acme):
    answer(acme, begun)
    with workspace_scope(acme.id):
        found = Message.objects.get(conversation=begun, role="assistant")
    text = browser.get(f"/w/acme/chat/{begun.id}/messages/{found.id}/").content.decode()
    assert text.count("<article") == 1
    assert "<strong>reservation</strong>" in text
    assert "<html" not in text


def test_stop_is_silent_for_scripts_and_leads_back_without(browser, begun, acme):
    with workspace_scope(acme.id):
        run = Run.objects.get(message__conversation=begun)
    url = f"/w/acme/chat/runs/{run.id}/stop/"
    assert browser.post(url, headers={"X-Requested-With": "fetch"}).status_code == 204
    with workspace_scope(acme.id):
        assert Run.objects.get(id=run.id).state == "stopped"
    response = browser.post(url)
    assert (response.status_code, response["Location"]) == (303, f"/w/acme/chat/{begun.id}/")


def test_finished_run_is_told_from_its_row_at_once(browser, begun, acme):
    run = answer(acme, begun)
    response = browser.get(f"/w/acme/chat/runs/{run.id}/events/")
    assert response["Content-Type"] == "text/event-stream"
    assert response["Cache-Control"] == "no-cache, no-transform"
    text = response.content.decode()
    assert text.startswith("id: 1-1\nevent: snapshot\ndata: ")
    assert text.count("event: done") == 1
    assert '"state":"done"' in text


def test_dashboard_counts_what_was_used_and_says_what_to_do_first(browser, begun, acme):
    run = answer(acme, begun)
    text = browser.get("/w/acme/").content.decode()
    assert money.as_text(run.cost_micro)[:3] in text
    assert "What is a hold?" in text


@pytest.mark.parametrize(
    ("micro", "shown"),
    [
        (0, "$0.00"), (1, "$0.000001"), (4_200, "$0.0042"), (10_000, "$0.01"), (100_000, "$0.10"),
        (1_000_000, "$1.00"), (1_234_567, "$1.234567"), (1_000_000_000, "$1000.00"), (20_000_000, "$20.00"),
    ],
)  # fmt: skip
def test_cost_has_as_many_digits_as_it_needs(micro, shown):
    assert money.as_text(micro) == shown


def test_page_of_a_workspace_without_assistants_says_what_to_do(browser, acme):
    from django.utils import timezone

    from assistants.models import Assistant

    with workspace_scope(acme.id):
        Assistant.objects.update(archived_at=timezone.now())
    response = browser.get("/w/acme/chat/")
    assert response.status_code == 404
    assert b"Create one first" in response.content
    assert services.MAX_TEXT == 100_000
