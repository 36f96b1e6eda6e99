"""Questions that wait for an answer to end: asked once, in order, as their own person, and never lost."""

from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.members import services as members
from accounts.models import User
from assistants.chat import followers, queries, queueing, services, tasks
from assistants.models import Conversation, FollowUp, Message, Project, ProjectMember, Run
from config import errors
from tenants.audit import SYSTEM
from tenants.scope import enter
from tests.factories import answer, ask, at_once
from usage import stops
from usage.models import Stop


@pytest.fixture
def me(in_acme, owner):
    return owner.member


@pytest.fixture
def turn(me):
    """Its answer runs."""
    return ask(me, "What is a hold?")


@pytest.fixture
def team(turn, owner, member):
    """The conversation belongs to a project that the member is in too."""
    now = timezone.now()
    project = Project.objects.create(name="Launch", owner_id=owner.user.id, created_at=now, updated_at=now)
    ProjectMember.objects.create(project=project, user_id=member.user.id, created_at=now)
    Conversation.objects.update(project=project)
    return project


def put(member, turn, text="And then?", **fields):
    options = {"parent_id": turn.answer.id} | fields
    conversation = Conversation.objects.select_related("assistant").get(id=turn.conversation.id)
    return queueing.ask(member=member, conversation=conversation, text=text, **options)


def send_next(turn):
    return queueing.send_next(conversation_id=turn.conversation.id)


def waiting() -> list[tuple[str, str]]:
    return list(FollowUp.objects.order_by("created_at", "id").values_list("text", "error_code"))


def questions() -> list[str]:
    return list(Message.objects.filter(role="user").order_by("created_at").values_list("text", flat=True))


def stop_everything():
    return stops.set_stop(scope=Stop.Scope.PLATFORM, target="", reason="incident", actor=SYSTEM)


# waiting


def test_question_waits_while_an_answer_runs_and_is_sent_when_none_does(me, turn):
    client_id = uuid4()
    row = put(me, turn, "  And then?\n", client_id=client_id)
    assert isinstance(row, FollowUp)
    assert (row.text, row.owner_id, row.after_id, row.client_id, row.error_code) == (
        "And then?", me.user_id, turn.answer.id, client_id, "",
    )  # fmt: skip
    assert questions() == ["What is a hold?"]
    row.delete()
    answer(turn.run)
    sent = put(me, turn)
    assert (sent.question.parent_id, sent.run.state) == (turn.answer.id, "queued")
    assert waiting() == []


def test_same_client_id_is_what_it_became(me, turn):
    client_id = uuid4()
    row = put(me, turn, client_id=client_id)
    assert put(me, turn, client_id=client_id) == row
    answer(turn.run)
    assert put(me, turn, client_id=client_id) == row, "not sent while its own wake-up is on its way"
    sent = send_next(turn)
    assert put(me, turn, client_id=client_id).question == sent.question
    assert (questions(), waiting()) == (["What is a hold?", "And then?"], [])


def test_five_of_a_person_wait_and_a_sixth_is_refused(me, turn, team, member):
    for number in range(queueing.MOST_WAITING):
        put(me, turn, f"Number {number}")
    with pytest.raises(queueing.TooManyWaiting) as refused:
        put(me, turn, "One more")
    assert (refused.value.code, refused.value.status) == ("follow_ups_full", 409)
    assert len(waiting()) == 5
    assert isinstance(put(member.member, turn, "Of somebody else"), FollowUp)


@pytest.mark.parametrize(("text", "code"), [(" ", "message_empty"), ("x" * 100_001, "message_too_long")])
def test_empty_and_endless_ones_are_refused(me, turn, text, code):
    with pytest.raises(errors.DomainError) as refused:
        put(me, turn, text)
    assert (refused.value.code, waiting()) == (code, [])


def test_question_written_under_an_older_answer_goes_to_the_end_of_its_branch(me, turn):
    """A page that has not heard of the latest turn yet makes no branch of its own."""
    answer(turn.run)
    later = put(me, turn, "Second")
    answer(later.run)
    third = put(me, turn, "Third")
    assert third.question.parent_id == later.answer.id
    assert put(me, turn, "Fourth").after_id == third.answer.id


# being asked


def test_ended_answer_lets_the_oldest_go_and_each_follows_the_one_before(me, turn):
    client_id = uuid4()
    put(me, turn, "Second", client_id=client_id)
    put(me, turn, "Third")
    assert send_next(turn) is None, "the answer runs"
    answer(turn.run)
    second = send_next(turn)
    assert (second.question.text, second.question.parent_id) == ("Second", turn.answer.id)
    assert (second.question.client_id, second.run.owner_id) == (client_id, me.user_id)
    assert (send_next(turn), waiting()) == (None, [("Third", "")])
    answer(second.run)
    third = send_next(turn)
    assert (third.question.text, third.question.parent_id) == ("Third", second.answer.id)
    assert (waiting(), questions()) == ([], ["What is a hold?", "Second", "Third"])


def test_it_stays_on_its_branch_also_when_another_is_looked_at(me, turn):
    other = services.edit_question(member=me, question=turn.question, text="Other words")
    answer(other.run)
    put(me, turn, "Of the first branch")
    services.show_branch(conversation=turn.conversation, leaf_id=other.answer.id)
    assert send_next(turn) is None
    answer(turn.run)
    assert send_next(turn).question.parent_id == turn.answer.id


def test_colleagues_questions_are_asked_as_their_own(me, turn, team, member):
    put(member.member, turn, "Of the member")
    put(me, turn, "Of the owner")
    answer(turn.run)
    first = send_next(turn)
    assert (first.question.text, first.run.owner_id) == ("Of the member", member.user.id)
    answer(first.run)
    second = send_next(turn)
    assert (second.question.text, second.run.owner_id) == ("Of the owner", me.user_id)


@pytest.mark.parametrize(
    "end",
    [
        {"state": "stopped"},
        {"state": "failed", "error_code": "provider_cut"},
        {"finish_reason": "approval"},
    ],
)
def test_stopped_failed_and_undecided_answers_hold_the_queue(me, turn, end):
    put(me, turn)
    answer(turn.run, "Half", **end)
    assert send_next(turn) is None
    assert waiting() == [("And then?", "")]
    sent = queueing.send_now(member=me, follow_up=FollowUp.objects.get())
    assert (sent.question.text, sent.question.parent_id, waiting()) == ("And then?", turn.answer.id, [])


def test_answer_that_went_well_after_a_failure_lets_the_queue_go_on(me, turn):
    put(me, turn)
    answer(turn.run, "", state="failed", error_code="provider_busy")
    assert send_next(turn) is None
    again = services.retry(member=me, answer=turn.answer)
    assert send_next(turn) is None
    answer(again.run)
    assert send_next(turn).question.text == "And then?"


# refused


def test_refused_one_stays_with_its_code_until_its_person_tries_again(me, turn):
    put(me, turn, "Second")
    put(me, turn, "Third")
    answer(turn.run)
    stop = stop_everything()
    assert send_next(turn) is None
    assert waiting() == [("Second", "stopped"), ("Third", "")]
    stops.lift_stop(stop_id=stop.id, actor=SYSTEM)
    assert send_next(turn) is None, "neither again by itself, nor the third before the second"
    second = FollowUp.objects.get(text="Second")
    sent = queueing.send_now(member=me, follow_up=second)
    assert sent.question.text == "Second"
    assert waiting() == [("Third", "")]
    with pytest.raises(queueing.FollowUpGone):
        queueing.send_now(member=me, follow_up=second)


def test_refused_try_leaves_it_as_it_was(me, turn):
    row = put(me, turn)
    answer(turn.run, state="stopped")
    stop_everything()
    with pytest.raises(errors.DomainError):
        queueing.send_now(member=me, follow_up=row)
    assert (waiting(), questions()) == ([("And then?", "")], ["What is a hold?"])


def test_trying_again_while_an_answer_runs_waits_for_its_turn(me, turn):
    row = put(me, turn)
    FollowUp.objects.update(error_code="quota_exceeded")
    assert queueing.send_now(member=me, follow_up=row) == row
    assert waiting() == [("And then?", "")]


@pytest.mark.parametrize("end", ["left", "left the project", "blocked", "viewer"])
def test_who_may_not_ask_any_more_is_not_asked_for_and_holds_nobody_else(me, turn, team, owner, member, end):
    put(member.member, turn, "Of the member")
    put(me, turn, "Of the owner")
    answer(turn.run)
    if end == "left":
        members.remove(member=owner.member, membership_id=member.member.membership_id)
    elif end == "left the project":
        ProjectMember.objects.all().delete()
    elif end == "blocked":
        User.objects.filter(id=member.user.id).update(is_active=False)
    else:
        members.change_role(member=owner.member, membership_id=member.member.membership_id, role="viewer")
    sent = send_next(turn)
    assert (sent.question.text, sent.run.owner_id) == ("Of the owner", me.user_id)
    assert waiting() == [("Of the member", "access_ended")]


def test_deleted_conversation_asks_nothing(me, turn):
    put(me, turn)
    answer(turn.run)
    Conversation.objects.update(deleted_at=timezone.now())
    assert (send_next(turn), waiting()) == (None, [("And then?", "")])


# taken back


def test_taken_back_it_is_not_asked(me, turn):
    row = put(me, turn)
    assert queueing.remove(follow_up=row) == "And then?"
    answer(turn.run)
    assert (send_next(turn), questions()) == (None, ["What is a hold?"])
    with pytest.raises(queueing.FollowUpGone):
        queueing.remove(follow_up=row)


def test_only_its_person_reaches_it(me, turn, team, member):
    row = put(me, turn)
    assert queries.access_follow_up(me, row.id) == row
    with pytest.raises(errors.NotFound):
        queries.access_follow_up(member.member, row.id)
    assert queries.follow_ups_of(member.member, turn.conversation) == []
    assert queries.follow_ups_of(me, turn.conversation) == [row]


# woken


@pytest.fixture
def woken(monkeypatch):
    """The conversations that a task was enqueued for; nothing runs."""
    seen = []
    monkeypatch.setattr(
        tasks.send_next, "apply_async", lambda *, kwargs, countdown: seen.append(kwargs["conversation_id"])
    )
    return seen


@pytest.mark.parametrize(
    ("end", "count"), [({}, 1), ({"state": "stopped"}, 0), ({"finish_reason": "approval"}, 0)]
)
def test_end_of_an_answer_wakes_what_waits(me, turn, woken, django_capture_on_commit_callbacks, end, count):
    put(me, turn)
    with django_capture_on_commit_callbacks(execute=True):
        answer(turn.run, **end)
    assert woken == [str(turn.conversation.id)] * count


def test_where_nothing_waits_nothing_is_woken(me, turn, woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer(turn.run)
    assert woken == []


def test_lost_wake_up_is_made_up_for_by_the_sweep(me, turn, woken):
    put(me, turn)
    followers.sweep()
    assert woken == [], "the answer runs"
    answer(turn.run)  # the worker died before it told anybody
    followers.sweep()
    assert woken == [str(turn.conversation.id)]
    tasks.send_next(workspace_id=str(me.workspace_id), conversation_id=woken[0])
    assert (questions(), waiting()) == (["What is a hold?", "And then?"], [])
    woken.clear()
    followers.sweep()
    assert woken == []


# at once


def _asked_by_eight(acme, owner) -> int:
    """How often one question that waits is asked when eight tasks come for it."""
    with enter(acme):
        turn = ask(owner.member)
        put(owner.member, turn, "Once")
        answer(turn.run)

    def task(_):
        with enter(acme):
            return send_next(turn) is not None

    sent = at_once(8, task)
    with enter(acme):
        count = Message.objects.filter(conversation=turn.conversation, text="Once").count()
        assert Run.objects.filter(message__conversation=turn.conversation).count() == count + 1
    assert sent.count(True) == count, sent
    return count


def test_eight_tasks_at_once_ask_it_once(committed, acme, owner):
    assert _asked_by_eight(acme, owner) == 1


def test_without_its_lock_it_would_be_asked_more_often(committed, acme, owner, monkeypatch):
    """The control: nobody waits for another, and nobody looks whether the row was theirs to take."""

    def unlocked(conversation_id):
        return Conversation.objects.select_related("assistant").get(id=conversation_id)

    def careless(member, conversation, row, leaf_id):
        FollowUp.objects.filter(id=row.id).delete()
        return services.send_message(
            member=member,
            conversation=conversation,
            text=row.text,
            parent_id=leaf_id,
            client_id=row.client_id,
        )

    monkeypatch.setattr(queueing, "_locked", unlocked)
    monkeypatch.setattr(queueing, "_send", careless)
    assert _asked_by_eight(acme, owner) > 1


def test_question_and_the_end_of_its_answer_at_once_never_leave_it_waiting_unheard(
    committed, acme, owner, woken
):
    """Whichever is first: it is sent, or waits and was woken."""
    with enter(acme):
        turns = [ask(owner.member) for _ in range(4)]

    def work(number):
        with enter(acme):
            turn = turns[number // 2]
            if number % 2:
                answer(turn.run)
                return None
            return put(owner.member, turn)

    made = at_once(8, work)
    for turn, row in zip(turns, made[::2], strict=True):
        heard = str(turn.conversation.id) in woken
        assert isinstance(row, services.Turn) or heard, row
