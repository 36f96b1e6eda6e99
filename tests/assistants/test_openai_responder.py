"""`/v1/` with OpenAI's own SDK, over a real server, with a worker and the simulated provider behind it."""

import json
import threading
import time
from uuid import UUID

import httpx2
import openai
import pytest

from accounts import api_keys
from assistants.models import Run
from assistants.openai import responder
from assistants.runs import engine as engine_module
from tenants.scope import enter
from tests import factories
from tests.assistants.books import WORDS
from tests.assistants.streams import wait_until
from usage.models import Hold, LedgerEntry

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def key(committed, owner) -> str:
    return factories.make_key(owner.member)


@pytest.fixture
def sdk(web, worker, key) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{web}/v1", api_key=key, max_retries=0, timeout=20)


def ask(sdk, text: str, **options):
    return sdk.chat.completions.create(
        model=options.pop("model", "gpt-4o-mini"), messages=[{"role": "user", "content": text}], **options
    )


def run_of(answer, workspace) -> Run:
    with enter(workspace):
        return Run.objects.select_related("assistant").get(id=UUID(answer.id.removeprefix("chatcmpl-")))


def assert_charged_once(run: Run, *, output_tokens: int) -> None:
    (entry,) = LedgerEntry.objects.filter(hold_id=run.id)
    assert (entry.output_tokens, entry.cost_micro) == (output_tokens, run.cost_micro)


# whole answers


def test_whole_answer(sdk, acme):
    answer = ask(sdk, f"Count\n/sim text={WORDS}")
    (choice,) = answer.choices
    assert (answer.object, answer.model) == ("chat.completion", "gpt-4o-mini")
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", WORDS, "stop")
    assert choice.message.refusal is None
    run = run_of(answer, acme)
    assert answer.usage.completion_tokens == 10
    assert answer.usage.prompt_tokens == run.input_tokens
    assert answer.usage.total_tokens == run.input_tokens + 10
    assert_charged_once(run, output_tokens=10)
    assert Hold.objects.get(id=run.id).api_key_id is not None


def test_whole_answer_says_what_it_cost(sdk, acme):
    raw = sdk.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Count"}]
    )
    run = run_of(raw.parse(), acme)
    assert run.receipt_id is not None
    told = [raw.headers[f"Steward-{name}"] for name in ("Run-Id", "Cost-Micro", "Receipt-Id")]
    assert told == [str(run.id), str(run.cost_micro), str(run.receipt_id)]


def test_stream_says_what_it_cost_beside_its_usage(sdk, acme):
    chunks = list(ask(sdk, "Count", stream=True, stream_options={"include_usage": True}))
    run = run_of(chunks[-1], acme)
    expected = {"run_id": str(run.id), "cost_micro": run.cost_micro, "receipt_id": str(run.receipt_id)}
    assert chunks[-1].steward == expected


def test_repeated_call_with_a_key_is_answered_from_the_one_run(sdk, acme):
    def call():
        return ask(sdk, "Count", extra_headers={"Idempotency-Key": "one"})

    first, second = call(), call()
    assert (first.id, first.choices[0].message) == (second.id, second.choices[0].message)
    assert_charged_once(run_of(first, acme), output_tokens=first.usage.completion_tokens)


def test_answer_of_an_assistant(sdk, acme):
    answer = ask(sdk, f"Count\n/sim text={WORDS}", model="assistant:steward")
    assert answer.model == "assistant:steward"
    assert run_of(answer, acme).assistant.slug == "steward"


def test_refusal(sdk):
    message = ask(sdk, "Count\n/sim fault=refusal").choices[0].message
    assert message.content is None
    assert message.refusal.startswith("I'm sorry")


def test_answer_at_its_limit_says_length(sdk, acme):
    answer = ask(sdk, "Tell me\n/sim tokens=100", max_completion_tokens=20)
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 20)
    assert_charged_once(run_of(answer, acme), output_tokens=20)


def test_tool_call(sdk, acme):
    answer = ask(sdk, 'Weather\n/sim tool=get_weather args={"city": "Köln"}', tools=[WEATHER])
    (choice,) = answer.choices
    (call,) = choice.message.tool_calls
    assert (call.type, call.function.name, json.loads(call.function.arguments)) == (
        "function",
        "get_weather",
        {"city": "Köln"},
    )
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert call.id
    assert LedgerEntry.objects.filter(hold_id=run_of(answer, acme).id).count() == 1


def test_result_of_a_tool_is_taken_back(sdk):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Weather"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny"},
    ]
    answer = sdk.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content


def test_json_schema_is_passed_on(sdk):
    schema = {
        "name": "s",
        "schema": {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]},
    }
    answer = ask(sdk, "Count", response_format={"type": "json_schema", "json_schema": schema})
    assert isinstance(json.loads(answer.choices[0].message.content)["count"], int)


# streams


def collect(chunks) -> tuple[str, list]:
    text, kept = "", list(chunks)
    for chunk in kept:
        for choice in chunk.choices:
            text += choice.delta.content or ""
    return text, kept


def test_streamed_answer(sdk, acme):
    text, chunks = collect(ask(sdk, f"Count\n/sim text={WORDS}\n/sim rate=50", stream=True))
    assert text == WORDS
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert all(chunk.usage is None for chunk in chunks)
    assert len(chunks) > 3, "it came in pieces"
    assert_charged_once(run_of(chunks[0], acme), output_tokens=10)


def test_usage_chunk_comes_last_when_it_was_asked_for(sdk, acme):
    options = {"stream": True, "stream_options": {"include_usage": True}}
    _, chunks = collect(ask(sdk, f"Count\n/sim text={WORDS}", **options))
    assert chunks[-1].choices == []
    usage = chunks[-1].usage
    run = run_of(chunks[0], acme)
    assert (usage.prompt_tokens, usage.completion_tokens) == (run.input_tokens, 10)
    assert usage.total_tokens == run.input_tokens + 10


def test_streamed_tool_call_is_whole_when_its_pieces_are_joined(sdk):
    chunks = list(
        ask(sdk, 'Weather\n/sim tool=get_weather args={"city": "Köln"}', tools=[WEATHER], stream=True)
    )
    arguments, name, ids = "", "", []
    for chunk in chunks:
        for delta in chunk.choices[0].delta.tool_calls or ():
            name += delta.function.name or ""
            arguments += delta.function.arguments or ""
            ids += [delta.id] if delta.id else []
    assert (name, json.loads(arguments), len(ids)) == ("get_weather", {"city": "Köln"}, 1)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def piece(index: int, arguments: str, **fields) -> dict:
    return {"index": index, "function": {"arguments": arguments}, **fields}


def whole_call(name: str, arguments: str) -> dict:
    return {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


def joined(chunks: list[list[dict]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for deltas in chunks:
        for delta in deltas:
            found[delta["index"]] = found.get(delta["index"], "") + delta["function"]["arguments"]
    return found


@pytest.mark.parametrize(
    "events",
    [
        [
            {"tool_calls": [piece(0, '{"a"')]},
            {"tool_calls": [piece(0, ": 1}")]},
            {"tool_calls": [piece(1, "{}")]},
        ],
        [{"whole": [whole_call("f", '{"a": 1}'), whole_call("g", "{}")]}],
        [{"tool_calls": [piece(0, '{"a"')]}, {"whole": [whole_call("f", '{"a": 1}'), whole_call("g", "{}")]}],
        [
            {"whole": [whole_call("f", '{"a"')]},
            {"tool_calls": [piece(0, ": 1}")]},
            {"whole": [whole_call("f", '{"a": 1}'), whole_call("g", "{}")]},
            {"whole": [whole_call("f", '{"a": 1}'), whole_call("g", "{}")]},
        ],
    ],
)
def test_tool_calls_told_again_are_sent_once(events):
    """After Redis lost the stream they come whole: the client gets only what it does not have."""
    sent = responder.SentToolCalls()
    assert joined([sent.fresh(data) for data in events]) == {0: '{"a": 1}', 1: "{}"}


def test_call_without_arguments_is_sent_once():
    sent = responder.SentToolCalls()
    event = {"whole": [whole_call("f", "")]}
    assert sent.fresh(event) == [{"index": 0, **whole_call("f", "")}]
    assert sent.fresh(event) == []


def test_stream_ends_with_the_done_mark_and_may_not_be_buffered(web, worker, key):
    body = {
        "model": "gpt-4o-mini",
        "stream": True,
        "messages": [{"role": "user", "content": f"x\n/sim text={WORDS}"}],
    }
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.stream(
        "POST", f"{web}/v1/chat/completions", json=body, headers=headers, timeout=20
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-cache, no-transform"
        raw = response.read().decode()
    assert raw.endswith("data: [DONE]\n\n")
    chunks = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == WORDS


def test_client_that_leaves_does_not_lose_the_answer_or_its_charge(sdk, acme):
    stream = ask(sdk, "Tell\n/sim tokens=60 rate=60", stream=True)
    first = next(iter(stream))
    stream.close()
    run_id = UUID(first.id.removeprefix("chatcmpl-"))
    wait_until(lambda: LedgerEntry.objects.filter(hold_id=run_id).exists(), "the run did not end")
    run = run_of(first, acme)
    assert (run.state, run.output_tokens) == ("done", 60)


def test_many_callers_at_once_each_get_their_own(sdk):
    results = {}

    def call(number: int) -> None:
        question = f"Say\n/sim text={number} {number} {number}"
        if number % 2:
            results[number], _ = collect(ask(sdk, question, stream=True))
        else:
            results[number] = ask(sdk, question).choices[0].message.content

    threads = [threading.Thread(target=call, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {number: f"{number} {number} {number}" for number in range(12)}


# failures, as the SDK's own errors


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("400", openai.BadRequestError, "provider_refused_request"),
        ("401", openai.InternalServerError, "provider_key_refused"),
        ("429 retry_after=60", openai.RateLimitError, "provider_busy"),
        ("quota", openai.InternalServerError, "provider_out_of_credit"),
        ("500", openai.InternalServerError, "provider_unavailable"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_failure_before_the_first_token_is_an_http_error_and_uncharged(sdk, fault, error, code, stream):
    before = LedgerEntry.objects.count()
    with pytest.raises(error) as raised:
        ask(sdk, f"Count\n/sim fault={fault}", stream=stream)
    assert raised.value.code == code
    assert LedgerEntry.objects.count() == before


def test_failure_within_a_stream_is_raised_by_the_sdk_and_what_came_is_charged(sdk, acme):
    stream = ask(sdk, f"Count\n/sim text={WORDS}\n/sim fault=cut after=4", stream=True)
    text, run_id = "", None
    with pytest.raises(openai.APIError) as raised:
        for chunk in stream:
            run_id = chunk.id
            text += chunk.choices[0].delta.content or ""
    assert (text, raised.value.code) == ("one two three four", "provider_cut")
    (entry,) = LedgerEntry.objects.filter(hold_id=UUID(run_id.removeprefix("chatcmpl-")))
    assert (entry.output_tokens, entry.is_estimated) == (4, True)


@pytest.mark.parametrize("fault", ["cut after=4", "stall after=4"])
def test_failure_after_the_first_token_says_what_was_charged_and_is_not_tried_again(
    web, worker, key, acme, fault
):
    client = openai.OpenAI(base_url=f"{web}/v1", api_key=key, max_retries=2, timeout=20)
    sent = []
    client._client.event_hooks["request"].append(sent.append)
    with pytest.raises(openai.APIStatusError) as raised:
        ask(client, f"Count\n/sim text={WORDS}\n/sim fault={fault}")
    body = raised.value.body
    assert body["code"] in ("provider_cut", "provider_timeout")
    assert body["partial"] == {"content": "one two three four"}
    with enter(acme):
        run = Run.objects.get(receipt_id=body["charged"]["receipt"])
    (entry,) = LedgerEntry.objects.filter(hold_id=run.id)
    assert (entry.output_tokens, entry.is_estimated, entry.cost_micro) == (4, True, run.cost_micro)
    usage = {
        "prompt_tokens": entry.input_tokens,
        "completion_tokens": 4,
        "total_tokens": entry.input_tokens + 4,
    }
    assert body["charged"]["usage"] == {**usage, "is_estimated": True}
    assert body["charged"]["cost_micro"] == entry.cost_micro
    assert len(sent) == 1, "a second call would be charged too"


def test_failure_before_the_first_token_says_that_nothing_was_charged(sdk):
    with pytest.raises(openai.InternalServerError) as raised:
        ask(sdk, "Count\n/sim fault=500")
    assert raised.value.body["charged"] is None
    assert "partial" not in raised.value.body


def test_usage_that_we_counted_is_marked(sdk):
    answer = ask(sdk, f"Count\n/sim text={WORDS}\n/sim fault=nousage")
    assert answer.usage.completion_tokens == 10
    assert answer.usage.is_estimated is True
    assert not hasattr(ask(sdk, f"Count\n/sim text={WORDS}").usage, "is_estimated")


def test_wrong_key_is_the_sdks_authentication_error(web, committed):
    stranger = openai.OpenAI(base_url=f"{web}/v1", api_key="sk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as raised:
        ask(stranger, "Hello")
    assert raised.value.code == "invalid_api_key"
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_unknown_model_is_the_sdks_not_found_error(sdk):
    with pytest.raises(openai.NotFoundError) as raised:
        ask(sdk, "Hello", model="gpt-99")
    assert raised.value.code == "model_not_found"


def test_models_are_listed(sdk):
    assert {"gpt-4o-mini", "gpt-4o", "assistant:steward"} <= {model.id for model in sdk.models.list()}


def test_revoked_key_ends_an_open_stream_within_seconds(sdk, key, owner):
    from accounts import services
    from accounts.models import ApiKey

    stream = iter(ask(sdk, "Tell\n/sim tokens=120 rate=40", stream=True))
    next(stream)
    services.revoke_api_key(member=owner.member, key_id=ApiKey.objects.get(prefix=api_keys.prefix_of(key)).id)
    begun = time.monotonic()
    rest = list(stream)
    assert time.monotonic() - begun < 3
    assert len(rest) < 100
    assert all(chunk.choices[0].finish_reason is None for chunk in rest if chunk.choices)


def test_waiting_callers_hold_no_database_connection(sdk):
    from django.db import connection

    threads = [threading.Thread(target=ask, args=[sdk, "Tell\n/sim tokens=40 rate=40"]) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(engine_module.get_engine().live) == 6, "the calls did not begin")
    connection.close()
    samples = []
    for _ in range(20):
        stats = connection.pool.get_stats()
        samples.append(stats["pool_size"] - stats["pool_available"])
        time.sleep(0.02)
    for thread in threads:
        thread.join(20)
    assert samples.count(0) > 10, samples


@pytest.mark.parametrize("stream", [False, True])
def test_answers_that_are_finished_on_the_loop_tell_the_rate_too(sdk, stream):
    answer = sdk.chat.completions.with_raw_response.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Hi\n/sim tokens=5"}], stream=stream
    )
    assert int(answer.headers["RateLimit-Remaining"]) < int(answer.headers["RateLimit-Limit"])
