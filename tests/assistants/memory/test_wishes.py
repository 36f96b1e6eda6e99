"""A message can ask to forget a day; what only sounds like it forgets nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from assistants.memory import applying, extraction, services, wishes
from assistants.models import MemoryItem
from assistants.prompting import builder
from assistants.prompting.types import Ask
from tests.factories import answer, ask


@pytest.fixture
def kept(in_acme, member) -> MemoryItem:
    return services.remember(member=member.member, layer="semantic", text="My knee hurts.")


@pytest.mark.parametrize(
    "text",
    [
        "Forget what I said today.", "Please forget everything I told you today!", "forget what i’ve said today",
        "Hello. Could you forget all that I said to you today, please?", "Delete everything you learned about me today",
        "OK, forget everything from today", "Forget what we talked about this morning.",
    ],
)  # fmt: skip
def test_a_day_is_forgotten_at_the_word(kept, member, text):
    ask(member.member, text)
    assert not MemoryItem.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "Don't forget what I said today.", "Did you forget what I said today?", "I always forget what I said today",
        "Never forget everything I told you today", "Forget it.", "How do I forget today?", "Forget the milk today",
        "What does “forget what I said today” do?", "Forget what I said about the budget.",
    ],
)  # fmt: skip
def test_what_only_sounds_like_it_forgets_nothing(kept, member, text):
    ask(member.member, text)
    assert MemoryItem.objects.get() == kept


def test_yesterday_is_another_day(kept, member):
    older = services.remember(member=member.member, layer="semantic", text="I live in Porto.")
    MemoryItem.objects.filter(id=older.id).update(created_at=timezone.now() - timedelta(days=1))
    ask(member.member, "Forget what I said yesterday.")
    assert MemoryItem.objects.get() == kept


def test_nobody_elses_memory_is_forgotten(kept, owner):
    ask(owner.member, "Forget what I said today.")
    assert MemoryItem.objects.get() == kept


def test_the_model_is_told_within_what_was_held(kept, member):
    turn = ask(member.member, "Forget what I said today.")
    prompt = builder.build(
        Ask(member.user.id, turn.conversation.assistant, turn.conversation, turn.answer, turn.question.text)
    )
    assert wishes.told(turn.question.text) in prompt.messages[0]["content"]
    assert builder.count(prompt.messages) <= turn.run.input_tokens


def test_what_was_said_before_the_wish_is_not_read_after_it(in_acme, member):
    turn = ask(member.member, "My knee hurts.")
    answer(turn.run, "Oh.")
    (reading,) = extraction.look_back(answer_id=turn.answer.id)
    ask(member.member, "Forget what I said today.")
    said = '{"notes": [{"layer": "semantic", "text": "My knee hurts.", "slot": "", "confidence": 90}]}'
    answer(reading, said)
    assert applying.apply(run_id=reading.id) == []
    assert extraction.look_back(answer_id=turn.answer.id) == []
