"""Questions, answers and their siblings: what each wish writes, and what it refuses."""

from uuid import uuid4

import pytest
from django.db import transaction

from assistants.builder import queries as builder_queries
from assistants.chat import queries, services
from assistants.models import Conversation, Message, Run
from assistants.runs.estimate import FIRST_STEP_TOKENS
from config import errors
from tenants.audit import SYSTEM
from tenants.models import AuditEntry
from tenants.scope import enter
from tests import factories
from tests.factories import answer, ask, at_once
from usage import stops
from usage.holds.types import Amount, RunsStopped
from usage.models import Hold, Stop


@pytest.fixture
def me(in_acme, owner):
    return owner.member


@pytest.fixture
def turn(me):
    """A finished turn."""
    turn = ask(me, "What is a hold?")
    answer(turn.run, "A reservation.")
    turn.answer.refresh_from_db()
    return turn


def counts() -> tuple[int, int, int, int]:
    return Conversation.objects.count(), Message.objects.count(), Run.objects.count(), Hold.objects.count()


def leaf(turn) -> object:
    return Conversation.objects.get(id=turn.conversation.id).current_leaf_id


def send(me, turn, text="And then?", **fields):
    options = {"parent_id": turn.answer.id} | fields
    return services.send_message(member=me, conversation=turn.conversation, text=text, **options)


def fresh(message: Message) -> Message:
    return Message.objects.select_related("conversation__assistant").get(id=message.id)


# beginning


def test_conversation_begins_with_a_question_an_empty_answer_a_queued_run_and_its_hold(me):
    before = counts()
    turn = ask(me, "  What is a hold?\n")
    assert tuple(now - then for now, then in zip(counts(), before, strict=True)) == (1, 2, 1, 1)
    assert (turn.question.role, turn.question.text, turn.question.parent_id) == (
        "user",
        "What is a hold?",
        None,
    )
    assert (turn.answer.role, turn.answer.text, turn.answer.parent_id) == ("assistant", "", turn.question.id)
    assert (turn.run.state, turn.run.message_id, turn.run.owner_id) == ("queued", turn.answer.id, me.user_id)
    hold = Hold.objects.get(id=turn.run.id)
    assert (hold.state, hold.workspace_id, hold.person_ref) == ("held", me.workspace_id, me.person_ref)
    held = {meter: Amount(*amount).at(hold.output_cap) for meter, amount in hold.request["meters"].items()}
    assert (held["messages"], held["input_tokens"]) == (1, turn.run.input_tokens)
    assert (held["output_tokens"], hold.request["wanted"]) == (FIRST_STEP_TOKENS, 2048)
    assert {line["meter"]: line["held"] for line in hold.lines} == {
        meter: held[meter] for meter in ("messages", "tokens", "cost_micro")
    }
    assert leaf(turn) == turn.answer.id


def test_beginning_is_audited_without_its_text(me):
    turn = ask(me, "Is the launch on Friday?")
    entry = AuditEntry.objects.get(target_id=str(turn.conversation.id))
    assert (entry.action, entry.actor_ref, entry.workspace_id) == (
        "conversation.started",
        me.person_ref,
        me.workspace_id,
    )
    assert "Friday" not in str(entry.data)


def test_worker_is_woken_after_the_commit_only(me, monkeypatch, django_capture_on_commit_callbacks):
    woken = []
    monkeypatch.setattr("assistants.runs.services.enqueue", lambda **ids: woken.append(ids))
    with django_capture_on_commit_callbacks() as callbacks:
        turn = ask(me)
    assert woken == []
    for callback in callbacks:
        callback()
    assert woken == [{"workspace_id": me.workspace_id, "run_id": turn.run.id}]


@pytest.mark.parametrize("text", ["", "   \n\t ", "\x00\x00"])
def test_empty_question_is_refused_and_nothing_is_written(me, text):
    before = counts()
    with pytest.raises(services.EmptyMessage) as raised:
        ask(me, text)
    assert raised.value.status == 422
    assert counts() == before


def test_question_may_have_100_000_characters_and_no_more(me):
    before = counts()
    with pytest.raises(services.MessageTooLong):
        ask(me, "x" * 100_001)
    assert counts() == before
    assert len(ask(me, "ö" * 100_000).question.text) == 100_000


def test_nul_characters_are_dropped(me):
    assert ask(me, "a\x00b").question.text == "ab"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Short", "Short"),
        ("  two\n\nlines \t here ", "two lines here"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 60 + "…"),
        ("word " * 20, ("word " * 12).strip() + "…"),
        (
            "A long first sentence that ends with a comma, " + "y" * 40,
            "A long first sentence that ends with a comma…",
        ),
    ],
)
def test_title_is_the_first_words(me, text, title):
    assert ask(me, text).conversation.title == title


def test_stopped_platform_takes_no_question(me):
    before = counts()
    stops.set_stop(scope=Stop.Scope.PLATFORM, target="", reason="incident", actor=SYSTEM)
    with pytest.raises(RunsStopped), transaction.atomic():
        ask(me)
    assert counts() == before


# going on


def test_next_question_stands_under_the_answer(me, turn):
    following = send(me, turn)
    assert following.question.parent_id == turn.answer.id
    assert following.answer.parent_id == following.question.id
    assert leaf(turn) == following.answer.id


def test_question_under_a_running_answer_is_refused(me):
    running = ask(me)
    before = counts()
    with pytest.raises(services.AnswerRunning) as raised:
        send(me, running)
    assert raised.value.status == 409
    assert counts() == before


def test_parent_of_another_conversation_is_refused(me, turn):
    other = ask(me)
    answer(other.run)
    before = counts()
    with pytest.raises(errors.NotFound) as raised:
        send(me, turn, parent_id=other.answer.id)
    assert raised.value.code == "parent_gone"
    assert counts() == before


@pytest.mark.parametrize("parent", ["question", "unknown"])
def test_parent_must_be_an_answer_that_exists(me, turn, parent):
    before = counts()
    with pytest.raises(errors.NotFound):
        send(me, turn, parent_id=turn.question.id if parent == "question" else uuid4())
    assert counts() == before


def test_question_without_a_parent_begins_another_root_branch(me, turn):
    second = send(me, turn, parent_id=None)
    assert second.question.parent_id is None
    assert Message.objects.filter(conversation=turn.conversation, parent=None).count() == 2


# sent twice


def test_question_sent_twice_starts_once(me, turn):
    client_id = uuid4()
    first = send(me, turn, client_id=client_id)
    before = counts()
    again = send(me, turn, "other words", client_id=client_id)
    assert (again.question.id, again.answer.id, again.run.id) == (
        first.question.id,
        first.answer.id,
        first.run.id,
    )
    assert counts() == before


def test_question_sent_again_after_its_answer_was_regenerated_still_starts_nothing(me, turn):
    client_id = uuid4()
    first = send(me, turn, client_id=client_id)
    answer(first.run)
    services.regenerate(member=me, answer=fresh(first.answer))
    before = counts()
    assert send(me, turn, client_id=client_id).answer.id == first.answer.id
    assert counts() == before


def test_conversation_begun_twice_exists_once(me):
    client_id = uuid4()
    first = ask(me, client_id=client_id)
    before = counts()
    again = ask(me, client_id=client_id)
    assert (again.conversation.id, again.run.id) == (first.conversation.id, first.run.id)
    assert counts() == before
    assert ask(me, client_id=uuid4()).conversation.id != first.conversation.id


def test_same_client_id_of_two_people_makes_two_conversations(me, admin):
    client_id = uuid4()
    mine, theirs = ask(me, client_id=client_id), ask(admin.member, client_id=client_id)
    assert mine.conversation.id != theirs.conversation.id
    assert (mine.conversation.owner_id, theirs.conversation.owner_id) == (me.user_id, admin.user.id)


def test_eight_threads_send_one_question_and_one_turn_starts(committed, acme, owner):
    client_id = uuid4()
    with enter(acme):
        turn = ask(owner.member)
        answer(turn.run)

    def send_once(_):
        with enter(acme):
            sent = send(owner.member, turn, client_id=client_id)
            return sent.question.id, sent.run.id

    results = at_once(8, send_once)
    assert len(set(results)) == 1, results
    with enter(acme):
        assert Message.objects.filter(conversation=turn.conversation).count() == 4
        assert Run.objects.filter(message__conversation=turn.conversation).count() == 2


def test_eight_threads_begin_one_conversation(committed, acme, owner):
    client_id = uuid4()

    def begin(_):
        with enter(acme):
            return ask(owner.member, client_id=client_id).run.id

    results = at_once(8, begin)
    assert len(set(results)) == 1, results
    with enter(acme):
        assert Message.objects.filter(client_id=client_id).count() == 1
    assert Hold.objects.filter(id=results[0]).count() == 1


def test_eight_threads_with_eight_questions_under_one_answer_make_siblings(committed, acme, owner):
    """The control: threads with ids of their own are not folded into one."""
    with enter(acme):
        turn = ask(owner.member)
        answer(turn.run)

    def send_once(_):
        with enter(acme):
            return send(owner.member, turn, client_id=uuid4()).question.id

    assert len(set(at_once(8, send_once))) == 8


# branches


def test_edited_question_is_a_sibling_and_the_old_branch_stays(me, turn):
    following = send(me, turn, "Old words")
    answer(following.run, "Old answer")
    edited = services.edit_question(member=me, question=fresh(following.question), text="New words")
    assert (edited.question.parent_id, edited.question.text) == (turn.answer.id, "New words")
    assert fresh(following.question).text == "Old words"
    assert fresh(following.answer).text == "Old answer"
    assert leaf(turn) == edited.answer.id


def test_first_question_can_be_edited(me, turn):
    edited = services.edit_question(member=me, question=fresh(turn.question), text="New words")
    assert edited.question.parent_id is None


def test_answer_cannot_be_edited_like_a_question(me, turn):
    before = counts()
    with pytest.raises(errors.NotFound):
        services.edit_question(member=me, question=fresh(turn.answer), text="Mine now")
    with pytest.raises(services.EmptyMessage):
        services.edit_question(member=me, question=fresh(turn.question), text=" ")
    assert counts() == before
    assert fresh(turn.answer).text == "A reservation."


def test_regenerated_answer_is_a_sibling(me, turn):
    again = services.regenerate(member=me, answer=fresh(turn.answer))
    assert (again.answer.parent_id, again.question.id) == (turn.question.id, turn.question.id)
    assert again.answer.id != turn.answer.id
    assert fresh(turn.answer).text == "A reservation."
    assert leaf(turn) == again.answer.id


def test_running_answer_cannot_be_regenerated_or_retried(me):
    running = ask(me)
    before = counts()
    for wish in (services.regenerate, services.retry):
        with pytest.raises(services.AnswerRunning):
            wish(member=me, answer=fresh(running.answer))
    assert counts() == before


def test_question_cannot_be_regenerated_or_retried(me, turn):
    before = counts()
    for wish in (services.regenerate, services.retry):
        with pytest.raises(errors.NotFound):
            wish(member=me, answer=fresh(turn.question))
    assert counts() == before


def test_finished_answer_cannot_be_retried(me, turn):
    before = counts()
    with pytest.raises(services.NothingToRetry):
        services.retry(member=me, answer=fresh(turn.answer))
    assert counts() == before


def test_failure_without_text_is_retried_in_place(me):
    failed = ask(me)
    answer(failed.run, "", state="failed", error_code="provider_busy", finish_reason="")
    again = services.retry(member=me, answer=fresh(failed.answer))
    assert again.answer.id == failed.answer.id
    assert again.run.id != failed.run.id
    assert queries.latest_runs([failed.answer.id])[failed.answer.id].id == again.run.id
    answer(again.run, "Now it works.")
    assert fresh(failed.answer).text == "Now it works."


@pytest.mark.parametrize("state", ["failed", "stopped"])
def test_failure_with_text_is_retried_beside_it_so_that_no_text_is_lost(me, state):
    failed = ask(me)
    answer(failed.run, "Half an ans", state=state, error_code="provider_cut" if state == "failed" else "")
    again = services.retry(member=me, answer=fresh(failed.answer))
    assert again.answer.id != failed.answer.id
    assert again.answer.parent_id == failed.question.id
    assert fresh(failed.answer).text == "Half an ans"


# who may see what


def test_conversations_belong_to_their_owner_within_a_workspace(me, admin, turn):
    for access in (
        lambda m: queries.access_conversation(m, turn.conversation.id),
        lambda m: queries.access_message(m, turn.conversation.id, turn.answer.id),
        lambda m: queries.access_run(m, turn.run.id),
    ):
        assert access(me).id in (turn.conversation.id, turn.answer.id, turn.run.id)
        with pytest.raises(errors.NotFound):
            access(admin.member)
    assert turn.conversation.id not in [row.id for row in queries.list_conversations(admin.member)]


def test_message_is_found_only_under_its_own_conversation(me, turn):
    other = ask(me)
    with pytest.raises(errors.NotFound):
        queries.access_message(me, other.conversation.id, turn.answer.id)


def test_recent_conversations_say_which_is_running(me, turn):
    running = ask(me)
    rows = {row.id: row.is_running for row in queries.list_recent(me)}
    assert (rows[turn.conversation.id], rows[running.conversation.id]) == (False, True)


def test_prompt_of_a_run_counts_into_its_hold(me, turn):
    short = send(me, turn, "Why?")
    answer(short.run)
    long = send(me, turn, "Why? " * 500)
    assert long.run.input_tokens > short.run.input_tokens + 400


def test_default_assistant_is_the_oldest_that_is_not_archived(me):
    from django.utils import timezone

    first = builder_queries.get_default_assistant(me)
    second = factories.make_assistant(me, "Second")
    assert builder_queries.get_default_assistant(me) == first
    type(first).objects.filter(id=first.id).update(archived_at=timezone.now())
    assert builder_queries.get_default_assistant(me) == second
    type(first).objects.filter(id=second.id).update(archived_at=timezone.now())
    with pytest.raises(errors.NotFound) as raised:
        builder_queries.get_default_assistant(me)
    assert raised.value.code == "no_assistant"
