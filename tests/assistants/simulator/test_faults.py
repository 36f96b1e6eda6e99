import json
import time

import httpx2
import openai
import pytest

STATUSES = [
    ("400", openai.BadRequestError, "invalid_value"),
    ("context", openai.BadRequestError, "context_length_exceeded"),
    ("401", openai.AuthenticationError, "invalid_api_key"),
    ("403", openai.PermissionDeniedError, "forbidden"),
    ("404", openai.NotFoundError, "model_not_found"),
    ("429", openai.RateLimitError, "rate_limit_exceeded"),
    ("quota", openai.RateLimitError, "insufficient_quota"),
    ("500", openai.InternalServerError, None),
    ("503", openai.InternalServerError, None),
]


def read_until_error(stream):
    text, error = "", None
    try:
        for chunk in stream:
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    except (openai.OpenAIError, httpx2.HTTPError, json.JSONDecodeError) as caught:
        error = caught
    return text, error


@pytest.mark.parametrize(("fault", "error", "code"), STATUSES)
def test_a_status_fault_is_the_sdks_error(simulator, fault, error, code):
    with pytest.raises(error) as caught:
        simulator.stream(f"/sim fault={fault}")
    assert caught.value.code == code
    assert simulator.totals()["output_tokens"] == simulator.totals()["input_tokens"] == 0
    assert simulator.last_record()["state"] == "error"
    assert simulator.last_record()["status"] == caught.value.status_code


def test_retry_after_is_sent(simulator):
    with pytest.raises(openai.RateLimitError) as caught:
        simulator.ask("/sim fault=429 retry_after=7")
    assert caught.value.response.headers["retry-after"] == "7"


def test_times_limits_a_fault_to_the_first_requests_of_a_key(simulator):
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            simulator.ask("/sim fault=500 times=2 key=first")
    assert simulator.ask("/sim fault=500 times=2 key=first echo=ok").choices[0].message.content == "ok"
    with pytest.raises(openai.InternalServerError):
        simulator.ask("/sim fault=500 times=2 key=second")


def test_the_sdks_own_retries_get_through(simulator):
    patient = simulator.client.with_options(max_retries=2)
    question = [{"role": "user", "content": "/sim fault=503 times=2 key=sdk retry_after=0.01 echo=ok"}]
    answer = patient.chat.completions.create(model="sim-small", messages=question)
    assert answer.choices[0].message.content == "ok"
    records = simulator.control("/_sim/requests?key=sdk")["requests"]
    assert [record["status"] for record in records] == [503, 503, 200]


def test_only_limits_a_fault_to_streams_or_to_plain_requests(simulator):
    assert simulator.ask("/sim fault=500 only=stream echo=ok").choices[0].message.content == "ok"
    assert read_until_error(simulator.stream("/sim fault=500 only=plain echo=ok")) == ("ok", None)
    with pytest.raises(openai.InternalServerError):
        simulator.stream("/sim fault=500 only=stream echo=ok")


@pytest.mark.parametrize("after", [0, 3])
def test_a_cut_ends_the_connection_after_n_tokens(simulator, after):
    text, error = read_until_error(
        simulator.stream(f"/sim fault=cut after={after} echo=one two three four five")
    )
    assert text == "one two three"[: 13 if after else 0]
    assert isinstance(error, openai.APIError | httpx2.RemoteProtocolError)
    record = simulator.last_record()
    assert (record["state"], record["output_tokens"], record["output_tokens_written"]) == (
        "cut",
        after,
        after,
    )
    assert simulator.totals()["input_tokens"] == record["input_tokens"] > 0


def test_a_stall_leaves_the_connection_open_without_data(simulator):
    client = simulator.client.with_options(timeout=0.3)
    messages = [{"role": "user", "content": "/sim fault=stall after=2 echo=one two three"}]
    stream = client.chat.completions.create(model="sim-small", stream=True, messages=messages)
    started = time.monotonic()
    text, error = read_until_error(stream)
    assert (text, time.monotonic() - started >= 0.25) == ("one two", True)
    assert isinstance(error, openai.APITimeoutError | httpx2.ReadTimeout)
    simulator.wait_until_closed()
    assert simulator.last_record()["state"] == "aborted"
    assert simulator.last_record()["output_tokens"] == 2


@pytest.mark.parametrize("stream", [True, False])
def test_a_timeout_never_sends_headers_and_bills_nothing(simulator, stream):
    with pytest.raises(openai.APITimeoutError):
        simulator.client.with_options(timeout=0.2).chat.completions.create(
            model="sim-small", stream=stream, messages=[{"role": "user", "content": "/sim fault=timeout"}]
        )
    simulator.wait_until_closed()
    record = simulator.last_record()
    assert (record["state"], record["status"], record["input_tokens"]) == ("aborted", 0, 0)


def test_bad_json_comes_between_good_chunks(simulator):
    stream = simulator.stream("/sim fault=badjson after=2 echo=one two three")
    lines = [line for line in stream.response.iter_lines() if line.startswith("data: {")]
    parsed, broken = [], 0
    for line in lines:
        try:
            parsed.append(json.loads(line.removeprefix("data: ")))
        except json.JSONDecodeError:
            broken += 1
    deltas = [chunk["choices"][0]["delta"].get("content") or "" for chunk in parsed if chunk["choices"]]
    assert (broken, "".join(deltas)) == (1, "one two three")
    text, error = read_until_error(simulator.stream("/sim fault=badjson after=2 echo=one two three"))
    assert (text, error is not None) == ("one two", True)


def test_a_refusal_comes_in_its_own_field(simulator):
    message = simulator.ask("/sim fault=refusal").choices[0].message
    assert (message.content, message.refusal[:9]) == (None, "I'm sorry")
    chunks = list(simulator.stream("/sim fault=refusal"))
    assert "".join(chunk.choices[0].delta.refusal or "" for chunk in chunks[:-1]) == message.refusal
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_a_content_filter_ends_the_text(simulator):
    choice = simulator.ask("/sim fault=content_filter after=2 echo=one two three").choices[0]
    assert (choice.message.content, choice.finish_reason) == ("one two", "content_filter")


def test_usage_can_be_missing(simulator):
    assert simulator.ask("/sim fault=nousage").usage is None
    assert all(chunk.usage is None for chunk in simulator.stream("/sim fault=nousage"))
    assert simulator.last_record()["output_tokens"] > 0


def test_an_empty_stream_is_a_good_status_without_content(simulator):
    assert list(simulator.stream("/sim fault=empty")) == []
    assert simulator.last_record()["status"] == 200
    assert simulator.totals()["output_tokens"] == simulator.totals()["input_tokens"] == 0


def test_slowloris_drips_single_bytes(simulator):
    client = simulator.client.with_options(timeout=1)
    messages = [{"role": "user", "content": "/sim fault=slowloris after=1 drip_ms=5 echo=one two three"}]
    stream = client.chat.completions.create(model="sim-small", stream=True, messages=messages)
    sizes = []
    for raw in stream.response.iter_raw():
        sizes.append(len(raw))
        if len(sizes) > 20:
            break
    stream.close()
    simulator.wait_until_closed()
    assert max(sizes[5:]) < 30
    assert simulator.last_record()["output_tokens"] == 1


@pytest.mark.parametrize("fault", ["cut", "badjson", "empty"])
def test_a_plain_answer_breaks_too(simulator, fault):
    with pytest.raises((openai.APIError, json.JSONDecodeError, httpx2.HTTPError)):
        simulator.ask(f"/sim fault={fault}")


def test_a_plain_answer_can_stall_and_drip(simulator):
    for fault in ("stall", "slowloris"):
        with pytest.raises(openai.APITimeoutError):
            simulator.client.with_options(timeout=0.2).chat.completions.create(
                model="sim-small", messages=[{"role": "user", "content": f"/sim fault={fault} drip_ms=5000"}]
            )
    simulator.wait_until_closed()


@pytest.mark.parametrize(
    "line",
    [
        "fault=maybe",
        "tokens=many",
        "tokens=-1",
        "speed=3",
        "rate",
        "args={}",
        "fault=500 times=1",
        "text<<END",
    ],
)
def test_a_mistaken_directive_is_refused(simulator, line):
    with pytest.raises(openai.BadRequestError, match="/sim"):
        simulator.ask(f"/sim {line}")


def test_only_lines_that_begin_with_the_word_are_directives(simulator):
    text = simulator.ask("> /sim fault=500\nuse /sim fault=500").choices[0].message.content
    assert "> > /sim fault=500\n> use /sim fault=500" in text
