"""Pages of a conversation that others write in too: what is new comes by itself, what waits is listed."""

import re
from uuid import uuid4

import pytest
from django.utils import timezone

from assistants.chat import queueing, services, tasks
from assistants.models import Conversation, FollowUp, Message, Project, ProjectMember
from tests.factories import answer, ask
from usage.models import Hold

HTMX = {"HX-Request": "true"}


@pytest.fixture
def turn(in_acme, owner):
    """Its answer runs, in a project that the member is in too."""
    turn = ask(owner.member, "What is a hold?")
    now = timezone.now()
    project = Project.objects.create(name="Launch", owner_id=owner.user.id, created_at=now, updated_at=now)
    Conversation.objects.update(project=project)
    return turn


@pytest.fixture
def colleague(turn, member):
    project = Project.objects.get()
    ProjectMember.objects.create(project=project, user_id=member.user.id, created_at=timezone.now())
    return member


@pytest.fixture
def page(turn, owner):
    return owner.browser()


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    seen = []
    monkeypatch.setattr(
        tasks.send_next, "apply_async", lambda *, kwargs, countdown: seen.append(kwargs["conversation_id"])
    )
    return seen


def url_of(turn, rest=""):
    return f"/w/acme/chat/{turn.conversation.id}/{rest}"


def write(browser, turn, text="And then?", **options):
    form = {"text": text, "parent": str(turn.answer.id), "client_id": str(uuid4())}
    return browser.post(url_of(turn, "messages/"), form, **options)


def news(browser, turn, after=None, run=None, queue=""):
    run = turn.run if run is None else run
    query = {"after": str((after or turn.answer).id), "run": str(run.id), "queue": queue}
    return browser.get(url_of(turn, "news/"), query, headers=HTMX)


def mark(body: str) -> str:
    return re.search(r'data-queue="([^"]*)"', body)[1]


def ids_of(body: str) -> list[str]:
    return re.findall(r'id="message-([0-9a-f-]{36})"', body)


# waiting


def test_question_while_an_answer_runs_is_listed_above_the_composer(page, turn):
    response = write(page, turn, "<b>Then</b>?", headers=HTMX)
    body = response.content.decode()
    assert (response.status_code, response["HX-Retarget"], response["HX-Reswap"]) == (
        200, "#follow-ups", "outerHTML",
    )  # fmt: skip
    assert "&lt;b&gt;Then&lt;/b&gt;?" in body
    assert "<html" not in body and ids_of(body) == []
    assert Message.objects.filter(role="user").count() == 1
    shown = page.get(url_of(turn)).content.decode()
    assert "&lt;b&gt;Then&lt;/b&gt;?" in shown
    assert shown.index('id="follow-ups"') < shown.index("data-composer-text")


def test_without_scripts_it_waits_is_edited_and_removed_too(page, turn):
    response = write(page, turn, "First")
    assert (response.status_code, response["Location"]) == (303, url_of(turn))
    write(page, turn, "Second")
    first, second = FollowUp.objects.order_by("created_at")
    response = page.post(f"/w/acme/chat/follow-ups/{first.id}/edit/")
    assert response.status_code == 200
    body = response.content.decode()
    assert re.search(r"<textarea[^>]*data-composer-text[^>]*>First</textarea>", body)
    response = page.post(f"/w/acme/chat/follow-ups/{second.id}/remove/")
    assert (response.status_code, response["Location"]) == (303, url_of(turn))
    assert not FollowUp.objects.exists()
    assert page.post(f"/w/acme/chat/follow-ups/{second.id}/remove/").status_code == 404


def test_too_many_are_refused_and_what_was_typed_is_on_the_page(page, turn):
    for number in range(5):
        write(page, turn, f"Number {number}")
    response = write(page, turn, "One more")
    assert response.status_code == 409
    assert "One more</textarea>" in response.content.decode()
    body = write(page, turn, "One more", headers=HTMX).content.decode()
    assert 'data-problem="follow_ups_full"' in body


def test_after_a_stop_it_can_be_sent_and_comes_with_its_turn(page, turn):
    write(page, turn)
    answer(turn.run, "Half", state="stopped")
    shown = page.get(url_of(turn)).content.decode()
    assert "The answer before was stopped." in shown and "Send now" in shown
    row = FollowUp.objects.get()
    response = page.post(
        f"/w/acme/chat/follow-ups/{row.id}/send/", {"after": str(turn.answer.id)}, headers=HTMX
    )
    body = response.content.decode()
    assert [str(row.id) for row in Message.objects.order_by("created_at")][2:] == ids_of(body)
    assert 'hx-swap-oob="outerHTML"' in body
    assert "HX-Retarget" not in response


def test_page_that_shows_another_branch_is_led_to_that_of_the_question(page, turn, owner):
    other = services.edit_question(member=owner.member, question=turn.question, text="Other words")
    answer(other.run)
    write(page, turn)
    answer(turn.run, "Half", state="stopped")
    row = FollowUp.objects.get()
    response = page.post(
        f"/w/acme/chat/follow-ups/{row.id}/send/", {"after": str(other.answer.id)}, headers=HTMX
    )
    assert response["HX-Redirect"] == url_of(turn)


def test_refused_one_says_why_and_can_be_tried_again(page, turn):
    write(page, turn)
    answer(turn.run)
    FollowUp.objects.update(error_code="quota_exceeded")
    shown = page.get(url_of(turn)).content.decode()
    assert "A limit is used up" in shown and "Try again" in shown
    FollowUp.objects.update(error_code="something_new")
    assert "This was not asked" in page.get(url_of(turn)).content.decode()


def test_page_wakes_what_was_forgotten(page, turn, woken):
    write(page, turn)
    page.get(url_of(turn))
    assert woken == []
    answer(turn.run)
    page.get(url_of(turn))
    assert woken == [str(turn.conversation.id)]


# others' pages


def test_page_that_shows_all_is_told_nothing(page, turn):
    answer(turn.run)
    response = news(page, turn)
    assert (response.status_code, response.content) == (204, b"")


def test_colleague_sees_a_new_turn_and_where_it_streams_from(page, turn, colleague):
    answer(turn.run)
    theirs = colleague.browser()
    assert news(theirs, turn).status_code == 204
    write(page, turn, "And then?")
    response = news(theirs, turn)
    body = response.content.decode()
    question, reply = Message.objects.order_by("created_at")[2:]
    assert (response.status_code, ids_of(body)) == (200, [str(question.id), str(reply.id)])
    assert f'data-events-url="/w/acme/chat/runs/{reply.runs.get().id}/events/"' in body
    assert news(theirs, turn, after=reply, run=reply.runs.get()).status_code == 204
    assert theirs.get(f"/w/acme/chat/runs/{reply.runs.get().id}/events/").status_code == 200


def test_answer_that_is_written_anew_in_place_comes_again(page, turn, owner):
    answer(turn.run, "", state="failed", error_code="provider_busy")
    assert news(page, turn).status_code == 204
    services.retry(member=owner.member, answer=turn.answer)
    body = news(page, turn).content.decode()
    assert ids_of(body) == [str(turn.answer.id)]
    assert "data-events-url" in body


def test_another_tab_is_told_of_what_waits_and_colleagues_are_not(page, turn, colleague):
    write(page, turn, "Mine alone")
    body = news(page, turn).content.decode()
    assert "Mine alone" in body
    assert news(page, turn, queue=mark(body)).status_code == 204
    theirs = colleague.browser()
    assert news(theirs, turn).status_code == 204
    assert "Mine alone" not in theirs.get(url_of(turn)).content.decode()
    answer(turn.run)
    queueing.send_next(conversation_id=turn.conversation.id)
    told = news(page, turn, queue=mark(body)).content.decode()
    assert (len(ids_of(told)), mark(told)) == (2, "")


@pytest.mark.parametrize("rest", ["news/", "news/?after={answer}&run=x&queue=x"])
def test_strangers_to_the_conversation_are_told_nothing(turn, member, admin, rest):
    rest = rest.format(answer=turn.answer.id)
    for who in (member, admin):
        assert who.browser().get(url_of(turn, rest), headers=HTMX).status_code == 404


def test_message_of_another_conversation_tells_nothing(page, turn, admin):
    theirs = ask(admin.member, "Secret")
    answer(theirs.run)
    services.send_message(
        member=admin.member, conversation=theirs.conversation, text="More", parent_id=theirs.answer.id
    )
    for after in (theirs.answer, theirs.question):
        assert news(page, turn, after=after, run=theirs.run).status_code == 204


def test_only_its_person_sends_edits_and_removes(page, turn, colleague):
    write(page, turn)
    row, holds = FollowUp.objects.get(), Hold.objects.count()
    answer(turn.run, state="stopped")
    theirs = colleague.browser()
    for action in ("send", "edit", "remove"):
        assert theirs.post(f"/w/acme/chat/follow-ups/{row.id}/{action}/").status_code == 404
    assert (FollowUp.objects.get(), Hold.objects.count()) == (row, holds)


def test_asking_for_nothing_new_costs_little(page, turn, assert_queries):
    """Session, person, membership and workspace; then the conversation, its last message, its run, what waits."""
    answer(turn.run)
    news(page, turn)
    with assert_queries(8):
        assert news(page, turn).status_code == 204
