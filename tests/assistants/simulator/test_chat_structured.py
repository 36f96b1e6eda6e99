import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistants.simulator import schemas
from assistants.simulator.errors import ProviderError
from assistants.simulator.patterns import make_match

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
            "required": ["city", "days"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "get_time"}}

SCHEMAS = [
    {
        "type": "object",
        "properties": {"title": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    },
    {"type": "array", "minItems": 3, "uniqueItems": True, "items": {"type": "string", "maxLength": 5}},
    {"type": "array", "minItems": 2, "uniqueItems": True, "items": {"enum": ["a", "b"]}},
    {"type": "integer", "exclusiveMinimum": 3, "maximum": 8, "multipleOf": 4},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "maximum": -2.5},
    {"type": ["null", "string"], "minLength": 40},
    {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}(foo|bar)?$"},
    {"type": "string", "pattern": r"^\S+@\S+\.\w{2,}$", "minLength": 12},
    {"type": "string", "format": "date-time"},
    {"const": {"fixed": True}},
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]},
            {"required": ["b"]},
        ]
    },
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "value": {"type": "number"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                },
                "required": ["value", "children", "next"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/node",
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_made_instances_are_valid(schema):
    made = schemas.make_instance(schema, hint="a question")
    jsonschema.validate(made, schema, format_checker=jsonschema.FormatChecker())
    assert made == schemas.make_instance(schema, hint="a question")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "(?=x)y"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/schema"},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "string", "minLength": "many"},
        {"type": "number", "multipleOf": 0},
        {"type": "object", "properties": ["a"]},
        {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]},
    ],
)
def test_a_schema_that_cannot_be_satisfied_is_refused(schema):
    with pytest.raises(ProviderError) as caught:
        schemas.make_instance(schema)
    assert caught.value.status == 400


@settings(max_examples=100, deadline=None)
@given(low=st.integers(-50, 50), span=st.integers(0, 50))
def test_numbers_stay_in_their_range(low, span):
    assert (
        low <= schemas.make_instance({"type": "integer", "minimum": low, "maximum": low + span}) <= low + span
    )
    assert schemas.make_instance({"type": "integer", "maximum": low}) <= low


def test_patterns_respect_lengths():
    assert make_match("^a", 4, 4) == "aaaa"
    assert make_match("^(foo|bar)+$", 10, 20) == "foo" * 4
    assert make_match("^[^a1]$", 0, None) == "-"
    assert make_match("[", 0, None) is None


def test_response_format_gives_an_instance_of_the_schema(simulator):
    schema = {
        "type": "object",
        "properties": {
            "memories": {
                "type": "array",
                "items": {"type": "object", "properties": {"text": {"type": "string"}}},
            }
        },
        "required": ["memories"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "found", "schema": schema}}
    answer = simulator.ask("Ann likes tea.\n/sim tokens=3", response_format=form)
    assert json.loads(answer.choices[0].message.content) == {"memories": [{"text": "Ann likes tea."}]}
    answer = simulator.ask("Ann likes tea.", response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content) == {"simulated": True, "question": "Ann likes tea."}


def test_a_tool_is_called_when_the_question_names_it(simulator):
    answer = simulator.ask("Please get weather for Rome", tools=[WEATHER, CLOCK])
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    (call,) = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "simulated city", "days": 2}


def test_no_tool_is_called_when_none_is_named_or_allowed(simulator):
    offered = simulator.ask("Hello", tools=[WEATHER]).choices[0].message
    assert offered.tool_calls is None
    assert "- Tools offered: `get_weather`" in offered.content
    assert (
        simulator.ask("get_weather", tools=[WEATHER], tool_choice="none").choices[0].message.tool_calls
        is None
    )


def test_a_forced_choice_is_followed(simulator):
    required = simulator.ask("Hello", tools=[WEATHER, CLOCK], tool_choice="required")
    assert [call.function.name for call in required.choices[0].message.tool_calls] == ["get_weather"]
    named = {"type": "function", "function": {"name": "get_time"}}
    forced = simulator.ask("Hello", tools=[WEATHER, CLOCK], tool_choice=named)
    assert [call.function.name for call in forced.choices[0].message.tool_calls] == ["get_time"]


def test_tool_calls_stream_as_argument_deltas(simulator):
    question = '/sim tool=get_weather args={"city": "São Paulo", "days": 3} tool=made_up'
    chunks = list(simulator.stream(question, tools=[WEATHER]))
    calls: dict[int, list] = {}
    for chunk in chunks[1:-2]:
        (part,) = chunk.choices[0].delta.tool_calls
        if part.id:
            calls[part.index] = [part.function.name, ""]
        calls[part.index][1] += part.function.arguments
    assert calls == {0: ["get_weather", '{"city": "São Paulo", "days": 3}'], 1: ["made_up", "{}"]}
    assert chunks[-2].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].usage == simulator.ask(question, tools=[WEATHER]).usage


def test_results_of_tools_lead_to_a_text(simulator):
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    answer = simulator.ask(
        "",
        tools=[WEATHER],
        messages=[
            {"role": "user", "content": "Weather?\n/sim tool=get_weather"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "Sunny, 21 degrees"},
        ],
    )
    assert answer.choices[0].finish_reason == "stop"
    assert "A tool returned: Sunny, 21 degrees" in answer.choices[0].message.content
    assert "Earlier messages" not in answer.choices[0].message.content


NOTES = {
    "type": "object",
    "properties": {
        "notes": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "slot": {"type": "string"},
                    "confidence": {"type": "integer", "minimum": 0, "maximum": 100},
                    "edges": {"type": "array", "items": {"type": "string"}},
                },
            },
        }
    },
}


def test_an_array_of_prose_has_an_element_for_each_sentence():
    made = schemas.make_instance(NOTES, hint="I live", sentences=["I live in Porto.", "Where is it?"])
    jsonschema.validate(made, NOTES)
    assert made["notes"] == [
        {"text": "I live in Porto.", "slot": "live porto", "confidence": 100, "edges": []},
        {"text": "Where is it?", "slot": "where is", "confidence": 0, "edges": []},
    ]
