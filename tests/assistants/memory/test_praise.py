"""A thumb up is read for a way of working; taken back, that is forgotten."""

import json

import pytest

from assistants.chat import services as chat
from assistants.memory import applying, forgetting, praise, services
from assistants.models import MemoryItem
from tests.factories import answer, ask
from usage.models import Hold

NOTE = {
    "layer": "procedural",
    "text": "For reviews, list the risks first.",
    "slot": "reviews",
    "confidence": 90,
}


@pytest.fixture
def turn(in_acme, member):
    turn = ask(member.member, "Review this patch.")
    answer(turn.run, "Risks first: none.")
    return turn


def rate(turn, who, is_good) -> None:
    chat.rate(member=who.member, answer=turn.answer, is_good=is_good)


def learn(turn, who):
    return praise.learn(answer_id=turn.answer.id, person_id=who.user.id)


def test_praise_becomes_a_way_of_working_with_its_answer_as_source(turn, member):
    rate(turn, member, True)
    run = learn(turn, member)
    assert (run.kind, run.owner_id, Hold.objects.get(id=run.id).state) == ("memory", member.user.id, "held")
    assert learn(turn, member) is None, "while it is read"
    answer(run, json.dumps({"notes": [NOTE, NOTE | {"text": "A second one."}, NOTE | {"layer": "semantic"}]}))
    (item,) = applying.apply(run_id=run.id)
    assert (item.text, item.source_message, item.assistant) == (
        NOTE["text"], turn.answer, turn.conversation.assistant,
    )  # fmt: skip
    assert learn(turn, member) is None, "and when it was read"
    rate(turn, member, False)
    assert not MemoryItem.objects.exists()


def test_a_thumb_wakes_the_reading(turn, member, monkeypatch, django_capture_on_commit_callbacks):
    woken = []
    monkeypatch.setattr(praise.afterwards, "enqueue", lambda task, ids, **_: woken.append(ids))
    with django_capture_on_commit_callbacks(execute=True):
        rate(turn, member, True)
        rate(turn, member, False)
    assert [ids["person_id"] for ids in woken] == [str(member.user.id)]


@pytest.mark.parametrize("reason", ["no thumb", "thumb down", "switched off", "temporary", "another person"])
def test_nothing_is_read_without_praise_and_memory(turn, member, owner, reason):
    who = member
    if reason != "no thumb":
        rate(turn, member, reason != "thumb down")
    if reason == "switched off":
        services.switch(member=member.member, is_on=False)
    if reason == "temporary":
        type(turn.conversation).objects.update(is_temporary=True)
    if reason == "another person":
        who = owner
    assert learn(turn, who) is None


def test_praise_taken_back_while_it_is_read_leaves_nothing(turn, member):
    rate(turn, member, True)
    run = learn(turn, member)
    rate(turn, member, None)
    answer(run, json.dumps({"notes": [NOTE]}))
    assert applying.apply(run_id=run.id) == []


def test_another_persons_praise_stays(turn, member, owner):
    kept = services.remember(
        member=owner.member, layer="procedural", text="Mine.", source_message=turn.answer
    )
    forgetting.forget_praise(person_id=member.user.id, answer=turn.answer)
    assert MemoryItem.objects.get() == kept
