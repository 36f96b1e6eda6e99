"""What a model is sent: instructions, then as much of the one branch as fits, in order."""

import pytest

from assistants.chat import services
from assistants.llm import tokens
from assistants.models import Assistant, Message
from assistants.prompting import builder, history
from assistants.prompting.types import Ask
from tests import factories
from tests.factories import answer, ask


def contents(messages) -> list[str]:
    return [message["content"] for message in messages]


def test_instructions_come_first_and_the_question_last(in_acme, owner):
    assistant = factories.make_assistant(owner.member, instructions=" Be brief. ")
    first = ask(owner.member, "first", assistant=assistant)
    answer(first.run, "second")
    turn = services.send_message(
        member=owner.member, conversation=first.conversation, text="third", parent_id=first.answer.id
    )
    assert builder.draft(Ask(owner.member.user_id, assistant, turn.conversation, turn.answer)).messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "second"},
        {"role": "user", "content": "third"},
    ]


@pytest.mark.parametrize("assistant", [None, Assistant(instructions=""), Assistant(instructions="  \n")])
def test_without_instructions_there_is_no_system_message(in_acme, owner, assistant):
    turn = ask(owner.member, "q")
    prompt = builder.build(Ask(owner.member.user_id, assistant, turn.conversation, turn.answer))
    assert prompt.messages == [{"role": "user", "content": "q"}]


def test_empty_answers_are_left_out():
    newest_first = [("user", "again?"), ("assistant", ""), ("user", "hello?")]
    assert contents(history.fitting(newest_first)) == ["hello?", "again?"]


def test_history_is_cut_at_the_budget_oldest_first(monkeypatch):
    size = tokens.count("word") + tokens.TOKENS_PER_MESSAGE
    monkeypatch.setattr(history, "HISTORY_TOKENS", 3 * size)
    newest_first = [("user", "word")] * 5
    assert len(history.fitting(newest_first)) == 3
    monkeypatch.setattr(history, "HISTORY_TOKENS", 3 * size - 1)
    assert len(history.fitting(newest_first)) == 2


def test_question_goes_in_however_long_and_then_alone():
    long = "word " * 20_000
    assert contents(history.fitting([("user", long), ("assistant", "a"), ("user", "q")])) == [long]


def test_cut_leaves_no_hole(monkeypatch):
    """A long turn ends the history: what is older is not sent without it."""
    monkeypatch.setattr(history, "HISTORY_TOKENS", 20)
    newest_first = [("user", "new"), ("assistant", "word " * 50), ("user", "old")]
    assert contents(history.fitting(newest_first)) == ["new"]


def test_only_the_branch_of_the_question_is_sent(in_acme, owner):
    first = ask(owner.member, "Q1")
    answer(first.run, "A1")
    conversation = first.conversation
    left = services.send_message(
        member=owner.member, conversation=conversation, text="LEFT", parent_id=first.answer.id
    )
    answer(left.run, "A-LEFT")
    right = services.send_message(
        member=owner.member, conversation=conversation, text="RIGHT", parent_id=first.answer.id
    )
    assert contents(history.of_branch(right.answer)) == ["Q1", "A1", "RIGHT"]
    assert contents(history.of_branch(left.answer)) == ["Q1", "A1", "LEFT"]
    other = services.regenerate(member=owner.member, answer=Message.objects.get(id=first.answer.id))
    assert contents(history.of_branch(other.answer)) == ["Q1"]


def test_other_conversations_are_never_sent(in_acme, owner):
    answer(ask(owner.member, "SECRET").run, "SECRET")
    assert contents(history.of_branch(ask(owner.member, "Q").answer)) == ["Q"]


def test_branch_is_read_in_one_query_whatever_its_length(in_acme, owner, assert_queries):
    turn = ask(owner.member)
    for _ in range(3):
        answer(turn.run)
        turn = services.send_message(
            member=owner.member, conversation=turn.conversation, text="Go on", parent_id=turn.answer.id
        )
    with assert_queries(1):
        assert len(history.of_branch(turn.answer)) == 7


def test_nothing_is_built_for_nothing():
    assert history.of_branch(None) == []


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("hello", 1), ("Grüße aus Köln", 5), ("👩‍👩‍👧‍👦", 11), ("x" * 8, 1)]
)
def test_tokens_are_those_of_the_o200k_vocabulary(text, count):
    assert tokens.count(text) == count


def test_very_long_text_is_counted_in_pieces():
    assert tokens.count("hello " * 200_000) in range(200_000, 200_010)


def test_prompt_is_counted_by_the_published_rule():
    messages = [
        {"role": "system", "content": "hello"},
        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
    ]
    assert tokens.count_prompt(messages) == 3 + (3 + 1 + 1) + (3 + 1 + 1)
    assert tokens.count_prompt([{"role": "assistant", "content": None}]) == 3 + 3 + 1
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    # What cannot be measured counts as the largest picture.
    assert tokens.count_prompt(image, model="gpt-4o") == 3 + 3 + 1 + 85 + 8 * 170


def test_tools_and_formats_are_counted_with_the_prompt():
    messages, tools, schema = (
        [{"role": "user", "content": "hello"}],
        [{"type": "function"}],
        {"type": "json_object"},
    )
    size = 3 + (3 + 1 + 1)
    assert tokens.count_prompt(messages, tools, None) == size + tokens.count('[{"type": "function"}]')
    assert tokens.count_prompt(messages, None, schema) == size + tokens.count('{"type": "json_object"}')
    called = [{"role": "assistant", "content": None, "tool_calls": tools}]
    assert tokens.count_prompt(called) == 3 + 3 + 1 + tokens.count('[{"type": "function"}]')
