"""Calls go with their run, standing answers with their person; an export has both."""

import pytest

from assistants.models import Run, ToolCall, ToolChoice
from assistants.personal_data import HOLDINGS
from config.personal import Subject
from tests import factories
from tests.assistants.tools.waiting import make_call, sweepable


@pytest.fixture
def run(in_acme, owner) -> Run:
    run = factories.answer(factories.ask(owner.member).run)
    sweepable(owner.member, run)
    return run


def holding(label: str):
    (found,) = [each for each in HOLDINGS if each.model == label]
    return found


@pytest.mark.parametrize("label", ["assistants.ToolCall", "assistants.ToolChoice"])
def test_rows_of_a_person_are_theirs_alone(run, owner, admin, label):
    part = holding(label).person
    mine, theirs = (
        Subject(user_id=each.member.user_id, ref=each.member.person_ref) for each in (owner, admin)
    )
    assert part.rows(mine).count() == 1
    assert part.rows(theirs).count() == 0
    assert list(part.rows(mine).values(*holding(label).fields))


def test_calls_go_with_their_conversation(run):
    make_call(run, position=1, state="done", result="Text")
    assert ToolCall.objects.filter(run=run).count() == 2
    run.message.conversation.delete()
    assert not ToolCall.objects.filter(run_id=run.id).exists()


def test_standing_answers_go_with_their_assistant(run):
    assert ToolChoice.objects.filter(assistant=run.assistant).exists()
    assistant = run.assistant
    run.message.conversation.delete()
    assistant.delete()
    assert not ToolChoice.objects.filter(assistant_id=assistant.id).exists()
