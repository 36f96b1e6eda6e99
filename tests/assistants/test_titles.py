"""Titles: asked for once, after the first answer; never over a name that somebody gave."""

import pytest

from assistants.chat import services as chat
from assistants.models import Conversation, Run
from assistants.titles import services
from tests.factories import answer, ask
from usage.models import Hold


@pytest.fixture
def turn(in_acme, owner):
    turn = ask(owner.member, "How do I name an index?")
    answer(turn.run, "After the question that it answers.")
    return turn


def title() -> str:
    return Conversation.objects.get().title


def test_title_is_written_by_a_metered_run(turn):
    run = services.begin(answer_id=turn.answer.id)
    assert (run.kind, Hold.objects.get(id=run.id).state) == ("title", "held")
    answer(run, '"Naming database indexes."\n')
    assert services.apply(run_id=run.id) == title() == "Naming database indexes"
    run.refresh_from_db()
    assert (run.request, run.text, run.receipt_id is not None) == (
        {"conversation": str(turn.conversation.id)}, "", True,
    )  # fmt: skip
    assert services.apply(run_id=run.id) == "", "delivered twice"
    assert services.begin(answer_id=turn.answer.id) is None, "asked for once"


def test_given_name_stays_also_when_it_came_meanwhile(turn):
    run = services.begin(answer_id=turn.answer.id)
    Conversation.objects.update(title="Mine", has_given_title=True)
    answer(run, "Theirs")
    assert (services.apply(run_id=run.id), title()) == ("", "Mine")


def test_only_the_first_answer_and_only_a_conversation_without_a_name(turn, owner):
    later = chat.send_message(
        member=owner.member, conversation=turn.conversation, text="And a table?", parent_id=turn.answer.id
    )
    answer(later.run, "Likewise.")
    assert services.begin(answer_id=later.answer.id) is None
    Conversation.objects.update(has_given_title=True)
    assert services.begin(answer_id=turn.answer.id) is None
    assert not Run.objects.filter(kind="title").exists()


@pytest.mark.parametrize(("state", "text"), [("failed", "Half a ti"), ("done", ""), ("done", ' "" ')])
def test_failed_or_empty_title_leaves_the_first(turn, state, text):
    first = title()
    run = services.begin(answer_id=turn.answer.id)
    answer(run, text, state=state, error_code="" if state == "done" else "provider_cut")
    assert (services.apply(run_id=run.id), title()) == ("", first)


def test_refused_title_leaves_the_first(turn, monkeypatch):
    from assistants.runs import services as runs
    from usage.holds.types import QuotaExceeded

    def refused(**_):
        raise QuotaExceeded()

    monkeypatch.setattr(runs, "start_run", refused)
    assert services.begin(answer_id=turn.answer.id) is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("**Title: Tea**", "Tea"),
        ("\n\n  Two   words \nmore", "Two words"),
        ("x" * 90, "x" * 80 + "…"),
        ("„Über Indizes“", "Über Indizes"),
    ],
)
def test_title_is_one_clean_line(said, kept):
    assert services.cleaned(said) == kept
