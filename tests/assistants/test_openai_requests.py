"""`/v1/`: which requests are refused, in the words and shape of OpenAI's protocol."""

import json

import pytest

from assistants.models import Run
from assistants.openai import requests
from assistants.prompting import builder as prompting
from assistants.runs.estimate import FIRST_STEP_TOKENS
from tests import factories
from usage.models import Hold

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]
GOOD = {"model": "gpt-4o-mini", "messages": HELLO}


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


def post(client, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(CHAT, raw, content_type="application/json")


def refusal(response) -> dict:
    assert response["Content-Type"] == "application/json"
    assert response["x-should-retry"] == "false"
    body = response.json()
    assert set(body) == {"error"}
    assert {"message", "type", "param", "code"} <= set(body["error"])
    return body["error"]


def with_message(message) -> dict:
    return {**GOOD, "messages": [*HELLO, message]}


PAIR = "👍"
SEEN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
REFUSED = [
    (b"", None),
    (b"not json", None),
    (b"[]", None),
    (b'"text"', None),
    (b"null", None),
    (b"\xff\xfe{}", None),
    (b'{"model": NaN}', None),
    (b"[" * 100_000, None),
    (b'{"a":' * 50_000, None),
    ({**GOOD, "model": None}, "model"),
    ({**GOOD, "model": ""}, "model"),
    ({**GOOD, "model": 7}, "model"),
    ({**GOOD, "model": ["gpt-4o"]}, "model"),
    ({"model": "gpt-4o-mini"}, "messages"),
    ({**GOOD, "messages": []}, "messages"),
    ({**GOOD, "messages": "Hello"}, "messages"),
    ({**GOOD, "messages": {}}, "messages"),
    (with_message("Hello"), "messages[1]"),
    (with_message({"content": "x"}), "messages[1]"),
    (with_message({"role": "robot", "content": "x"}), "messages[1]"),
    (with_message({"role": ["user"], "content": "x"}), "messages[1]"),
    (with_message({"role": None, "content": "x"}), "messages[1]"),
    (with_message({"role": "user"}), "messages[1].content"),
    (with_message({"role": "user", "content": None}), "messages[1].content"),
    (with_message({"role": "user", "content": 7}), "messages[1].content"),
    (with_message({"role": "user", "content": {"type": "text"}}), "messages[1].content"),
    (with_message({"role": "user", "content": ["x"]}), "messages[1].content"),
    (with_message({"role": "user", "content": [{"text": "x"}]}), "messages[1].content"),
    (with_message({"role": "user", "content": [{"type": "text", "text": 7}]}), "messages[1].content"),
    (with_message({"role": "user", "content": [{"type": "text", "text": None}]}), "messages[1].content"),
    (with_message({"role": "assistant", "content": None}), "messages[1].content"),
    (with_message({"role": "assistant", "content": None, "tool_calls": []}), "messages[1].content"),
    ({**GOOD, "n": 2}, "n"),
    ({**GOOD, "n": 0}, "n"),
    ({**GOOD, "n": "1"}, "n"),
    ({**GOOD, "temperature": "hot"}, "temperature"),
    ({**GOOD, "temperature": -0.1}, "temperature"),
    ({**GOOD, "temperature": 2.1}, "temperature"),
    ({**GOOD, "temperature": True}, "temperature"),
    ({**GOOD, "max_tokens": 0}, "max_completion_tokens"),
    ({**GOOD, "max_tokens": -5}, "max_completion_tokens"),
    ({**GOOD, "max_tokens": 1.5}, "max_completion_tokens"),
    ({**GOOD, "max_completion_tokens": "many"}, "max_completion_tokens"),
    ({**GOOD, "max_completion_tokens": True}, "max_completion_tokens"),
    ({**GOOD, "stream_options": "all"}, "stream_options"),
    ({**GOOD, "stream_options": ["include_usage"]}, "stream_options"),
    (with_message({"role": "user", "content": "a\x00b"}), None),
    (with_message({"role": "user", "content": "half a pair \ud83d"}), None),
    ({**GOOD, "stop": "a\x00"}, None),
    ({**GOOD, "tools": [{"type": "function", "function": {"name": "\udfff"}}]}, None),
    (with_message({"role": "tool", "content": "x"}), "messages[1].tool_call_id"),
    (with_message({"role": "assistant", "tool_calls": [{"function": {}}]}), "messages[1].tool_calls"),
    (with_message({"role": "system", "content": [SEEN]}), "messages[1].content[0]"),
    (with_message({"role": "user", "content": [{"type": "input_audio"}]}), "messages[1].content[0]"),
    (
        with_message({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]}),
        "messages[1].content[0].image_url.url",
    ),
    ({**GOOD, "logprobs": True}, "logprobs"),
    ({**GOOD, "top_logprobs": 3}, "top_logprobs"),
    ({**GOOD, "functions": [{"name": "f"}]}, "functions"),
    ({**GOOD, "modalities": ["text", "audio"]}, "modalities"),
    ({**GOOD, "tools": []}, "tools"),
    ({**GOOD, "tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools"),
    ({**GOOD, "tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools"),
    ({**GOOD, "tool_choice": "auto"}, "tool_choice"),
    ({**GOOD, "response_format": {"type": "xml"}}, "response_format"),
    ({**GOOD, "response_format": {"type": "json_schema"}}, "response_format"),
    ({**GOOD, "stop": ["a", "b", "c", "d", "e"]}, "stop"),
    ({**GOOD, "stop": [""]}, "stop"),
    ({**GOOD, "seed": "7"}, "seed"),
    ({**GOOD, "top_p": 1.5}, "top_p"),
    ({**GOOD, "presence_penalty": 3}, "presence_penalty"),
    ({**GOOD, "logit_bias": {"1": 101}}, "logit_bias"),
    ({**GOOD, "parallel_tool_calls": "no"}, "parallel_tool_calls"),
    ({**GOOD, "reasoning_effort": "great"}, "reasoning_effort"),
    (b'{"model": "gpt-4o-mini", "top_p": Infinity, "messages": [{"role": "user", "content": "x"}]}', None),
]


@pytest.mark.parametrize(("body", "param"), REFUSED, ids=[repr(body)[:70] for body, _ in REFUSED])
def test_malformed_request_names_the_field_and_starts_nothing(client, body, param):
    before = Hold.objects.count()
    response = post(client, body)
    assert response.status_code == 400
    error = refusal(response)
    assert (error["type"], error["code"], error["param"]) == (
        "invalid_request_error",
        "invalid_request",
        param,
    )
    assert Hold.objects.count() == before


@pytest.mark.parametrize(
    "model",
    ["gpt-99", "GPT-4O-MINI", "assistant:", "assistant:nobody", "assistant:steward ", "assistant:STEWARD"],
)
def test_unknown_model_is_not_found(client, model):
    response = post(client, {**GOOD, "model": model})
    assert response.status_code == 404
    error = refusal(response)
    assert (error["type"], error["code"], error["param"]) == ("not_found_error", "model_not_found", "model")


def test_assistant_of_another_workspace_is_not_found(client, cast):
    from tenants.scope import workspace_scope

    with workspace_scope(cast.globex.id):
        factories.make_assistant(cast.globex_owner.member, "Only in globex")
    assert post(client, {**GOOD, "model": "assistant:only-in-globex"}).status_code == 404
    theirs = factories.with_key(factories.make_key(cast.globex_owner.member))
    ids = [row["id"] for row in theirs.get("/v1/models").json()["data"]]
    assert "assistant:only-in-globex" in ids
    assert "assistant:only-in-globex" not in client.get("/v1/models").content.decode()


def test_archived_assistant_is_not_found(client, acme, owner):
    from django.utils import timezone

    from tenants.scope import workspace_scope

    with workspace_scope(acme.id):
        made = factories.make_assistant(owner.member, "Bygone")
        type(made).objects.filter(id=made.id).update(archived_at=timezone.now())
    assert post(client, {**GOOD, "model": "assistant:bygone"}).status_code == 404


def test_models_are_the_platforms_and_the_workspaces_assistants(client):
    body = client.get("/v1/models").json()
    assert body["object"] == "list"
    ids = [row["id"] for row in body["data"]]
    assert ids[:2] == ["gpt-4o-mini", "gpt-4o"]
    assert {"assistant:steward", "text-embedding-3-small", "gpt-image-1", "whisper-1"} <= set(ids)
    assert len(ids) == len(set(ids))
    assert client.get("/v1/models/assistant:steward").json() == body["data"][-1]
    missing = client.get("/v1/models/gpt-99")
    assert (missing.status_code, refusal(missing)["code"]) == (404, "model_not_found")
    assert all(set(row) == {"id", "object", "created", "owned_by"} for row in body["data"])


def test_without_a_key_nothing_is_served(db):
    for response in (post(factories.browser(), GOOD), factories.browser().get("/v1/models")):
        assert response.status_code == 401
        assert refusal(response)["type"] == "authentication_error"


def test_scope_that_is_missing_is_named_and_nothing_starts(db, owner):
    client = factories.with_key(factories.make_key(owner.member, ["view"]))
    before = Hold.objects.count()
    response = post(client, GOOD)
    assert response.status_code == 403
    error = refusal(response)
    assert (error["type"], error["code"], error["needs"]) == ("permission_error", "forbidden", "chat")
    assert Hold.objects.count() == before


def test_body_that_is_too_large_is_refused_in_the_same_shape(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = post(client, {**GOOD, "messages": [{"role": "user", "content": "x" * 2000}]})
    assert response.status_code in (400, 413)
    assert refusal(response)["type"] == "invalid_request_error"


def test_stopped_platform_answers_503_that_may_be_tried_again(client):
    from tenants.audit import SYSTEM
    from usage import stops
    from usage.models import Stop

    stops.set_stop(scope=Stop.Scope.PLATFORM, target="", reason="incident", actor=SYSTEM)
    response = post(client, GOOD)
    assert (response.status_code, response["x-should-retry"]) == (503, "true")
    assert response.json()["error"]["type"] == "server_error"


# what is taken, and how it is read


def read(client, body) -> Run:
    """The run that a good request starts."""
    before = set(Hold.objects.values_list("id", flat=True))
    assert post(client, body).status_code == 200
    (made,) = set(Hold.objects.values_list("id", flat=True)) - before
    return made


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, 2048),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 9}, 9),
        ({"max_completion_tokens": 9, "max_tokens": 7}, 9),
        ({"max_tokens": 10**12}, requests.MAX_OUTPUT_TOKENS),
    ],
)
def test_output_is_capped_by_what_was_asked_and_by_the_platform(client, fields, tokens):
    hold = Hold.objects.get(id=read(client, GOOD | fields))
    assert hold.request["wanted"] == tokens
    assert hold.output_cap == min(tokens, FIRST_STEP_TOKENS)


def test_assistant_caps_the_output_and_gives_its_instructions_and_model(client, acme, owner):
    from tenants.scope import workspace_scope

    with workspace_scope(acme.id):
        assistant = factories.make_assistant(
            owner.member,
            "Terse",
            instructions="Be terse.",
            model="gpt-4o",
            max_output_tokens=64,
            temperature="0.20",
        )
    hold = Hold.objects.get(id=read(client, {**GOOD, "model": "assistant:terse", "max_tokens": 1000}))
    assert (hold.model, hold.assistant_id) == ("gpt-4o", assistant.id)
    assert (hold.output_cap, hold.request["wanted"]) == (64, 64)
    with workspace_scope(acme.id):
        run = Run.objects.get(id=hold.id)
    assert (run.request["told"], run.request["question"]) == (HELLO, "Hello")
    with workspace_scope(acme.id):
        built = prompting.build(prompting.ask_of(run))
    assert built.messages == [{"role": "system", "content": "Be terse."}, *HELLO]
    assert run.request["temperature"] == 0.2
    assert (run.message_id, run.assistant_id) == (None, assistant.id)


def test_hold_names_the_key_and_the_person(client, owner):
    from accounts.models import ApiKey

    hold = Hold.objects.get(id=read(client, GOOD))
    assert hold.person_ref == owner.member.person_ref
    assert ApiKey.objects.get(id=hold.api_key_id).membership_id == owner.member.membership_id


def test_known_options_are_passed_on_and_unknown_ones_are_not(client, acme):
    from tenants.scope import workspace_scope

    options = {
        "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto", "stop": ["x"], "seed": 7,
        "response_format": {"type": "json_object"}, "top_p": 0.5, "logit_bias": {"1": 2},
    }  # fmt: skip
    hold_id = read(client, GOOD | options | {"user": "me", "model_override": "gpt-5", "metadata": {"a": 1}})
    with workspace_scope(acme.id):
        assert Run.objects.get(id=hold_id).request["extra"] == options


@pytest.mark.parametrize(
    "text",
    [PAIR, "back\\u0000slash", "\\\\u0000", "line\u2028end", "\ufeffx", "\u202eabc"],
    ids=repr,
)
def test_unusual_but_valid_text_is_taken_as_it_is(client, acme, text):
    from tenants.scope import workspace_scope

    hold_id = read(client, {**GOOD, "messages": [{"role": "user", "content": text}]})
    with workspace_scope(acme.id):
        assert Run.objects.get(id=hold_id).request["messages"][0]["content"] == text


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_methods_are_not_offered(client, method):
    assert getattr(client, method)(CHAT).status_code == 405


def test_picture_is_refused_by_a_model_that_does_not_see_and_taken_by_one_that_does(client, acme, settings):
    from tenants.scope import workspace_scope

    shown = {**GOOD, "messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, SEEN]}]}
    hold_id = read(client, shown)
    with workspace_scope(acme.id):
        assert Run.objects.get(id=hold_id).request["messages"] == shown["messages"]
    settings.VISION_MODELS = frozenset({"gpt-4o"})
    before = Hold.objects.count()
    response = post(client, shown)
    assert response.status_code == 400
    error = refusal(response)
    assert error["message"] == "messages[0].content: the model gpt-4o-mini does not take images."
    assert post(client, {**shown, "model": "assistant:steward"}).status_code == 400
    assert Hold.objects.count() == before
