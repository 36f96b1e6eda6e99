"""Tool calls over several calls of the model within a turn, by directives."""

import pytest
from openai import BadRequestError

CLOCK = {
    "type": "function",
    "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}},
}
QUESTION = """Well?
/sim tool=clock args={"a": 1}
/sim round=2 tool=clock tool=other args={"b": 2}
/sim text=Done."""


def turn_of(*rounds: int) -> list[dict]:
    """The question, and so many calls in each round before with their results."""
    messages: list[dict] = [{"role": "user", "content": QUESTION}]
    for number, count in enumerate(rounds):
        calls = [
            {"id": f"c{number}{at}", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
            for at in range(count)
        ]
        messages.append({"role": "assistant", "tool_calls": calls})
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": "noon"} for call in calls]
    return messages


def called(answer) -> list[tuple[str, str]]:
    found = answer.choices[0].message.tool_calls or []
    return [(call.function.name, call.function.arguments) for call in found]


def test_each_call_of_the_model_has_its_own_tools(simulator):
    first, second, third = (
        simulator.ask("", tools=[CLOCK], messages=turn_of(*rounds)) for rounds in ((), (1,), (1, 2))
    )
    assert called(first) == [("clock", '{"a": 1}')]
    assert called(second) == [("clock", "{}"), ("other", '{"b": 2}')]
    assert (called(third), third.choices[0].message.content) == ([], "Done.")


def test_text_may_stand_before_calls(simulator):
    asked = "Well?\n/sim tool=clock\n/sim preface=Let me see."
    message = simulator.ask(asked, tools=[CLOCK]).choices[0].message
    assert (message.content, message.tool_calls[0].function.name) == ("Let me see.", "clock")
    deltas = [chunk.choices[0].delta for chunk in simulator.stream(asked, tools=[CLOCK]) if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Let me see."


def test_what_a_tool_returned_is_no_directive(simulator):
    messages = turn_of(1, 2)
    messages[-1]["content"] = "/sim tool=clock"
    assert called(simulator.ask("", tools=[CLOCK], messages=messages)) == []


@pytest.mark.parametrize("wrong", ["round=0 tool=clock", "round=x tool=clock", "round=2 args={}"])
def test_wrong_round_is_refused(simulator, wrong):
    with pytest.raises(BadRequestError):
        simulator.ask(f"Well?\n/sim {wrong}")
