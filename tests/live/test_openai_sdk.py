"""OpenAI's own client against `/v1/`, changed by nothing but its base URL and key."""

import json
from uuid import uuid4

import openai
import pytest

from tests.live.books import eventually
from tests.live.callers import steer

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def client(acme):
    with acme.openai(max_retries=0) as client:
        yield client


def messages(text, **steering):
    return [{"role": "user", "content": steer(text, **steering)}]


@pytest.mark.parametrize("model", ["gpt-4o-mini", "assistant:steward"])
def test_a_streamed_answer_is_the_whole_one_in_pieces(client, books, model):
    asked = messages("Hello.", tokens=60, rate=100)
    whole = client.chat.completions.create(model=model, messages=asked)
    chunks = list(
        client.chat.completions.create(
            model=model, messages=asked, stream=True, stream_options={"include_usage": True}
        )
    )

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content != ""
    assert sum(1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content) > 3, (
        "it was streamed"
    )
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens == 60
    assert whole.choices[0].finish_reason == "stop"
    assert {chunk.model for chunk in chunks} == {whole.model} == {model}
    runs = [each.id.removeprefix("chatcmpl-") for each in (whole, chunks[0])]
    entries = books.close([f"{run[:8]}-{run[8:12]}-{run[12:16]}-{run[16:20]}-{run[20:]}" for run in runs])
    assert [(entry.charged_tokens, entry.text) for entry in entries] == [(60, text)] * 2


def test_models_are_listed(client):
    assert {"gpt-4o-mini", "gpt-4o", "assistant:steward"} <= {model.id for model in client.models.list()}


@pytest.mark.parametrize("is_stream", [False, True])
def test_tool_calls_come_through(client, is_stream):
    asked = {"model": "gpt-4o-mini", "messages": messages("get weather in Oslo", rate=0), "tools": [WEATHER]}
    if is_stream:
        with client.chat.completions.stream(**asked) as stream:
            answer = stream.get_final_completion()
    else:
        answer = client.chat.completions.create(**asked)

    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)
    assert answer.choices[0].finish_reason == "tool_calls"


def test_an_abandoned_stream_is_finished_and_charged_all_the_same(client, books, provider):
    key = uuid4().hex
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=messages("Leave.", tokens=80, rate=40, key=key), stream=True
    )
    next(iter(stream))
    stream.close()

    (request,) = provider.requests(key)
    run = request["client_request_id"].removesuffix("-1")
    books.wait_final([run])
    (entry,) = books.close([run])
    assert (entry.state, entry.charged_tokens) == ("done", 80)
    eventually(lambda: provider.requests(key)[0]["state"] == "completed", what="the provider was heard out")


def test_a_wrong_key_and_a_wrong_model_raise_the_sdk_s_own_errors(client, stack):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="no-such-model", messages=messages("Hi."))
    with (
        openai.OpenAI(api_key="stw_wrong", base_url=f"{stack.url}/v1", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()
