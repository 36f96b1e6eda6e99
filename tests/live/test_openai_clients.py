"""`/v1/` with the clients that people use: OpenAI's SDK, sync and async, LangChain's ChatOpenAI, and curl."""

import asyncio
import base64
import json
import os
import re
import subprocess
import wave
from io import BytesIO
from pathlib import Path

import openai
import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from tests.live.books import eventually
from tests.live.callers import steer
from tests.patience import PATIENCE_S

MODEL = "gpt-4o-mini"
DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT, API_PAGE = DOCS / "openai-protocol.md", DOCS / "api.md"
SCHEMA = {
    "name": "count",
    "schema": {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]},
}


@pytest.fixture(scope="module")
def client(acme):
    with acme.openai(max_retries=0) as client:
        yield client


def messages(text, **steering):
    return [{"role": "user", "content": steer(text, rate=0, **steering)}]


def test_answer_has_the_shape_that_was_asked_for(client):
    form = {"type": "json_schema", "json_schema": SCHEMA}
    answer = client.chat.completions.create(model=MODEL, messages=messages("Count."), response_format=form)
    assert isinstance(json.loads(answer.choices[0].message.content)["count"], int)


def test_embeddings_image_speech_and_transcription(client):
    raw = client.embeddings.with_raw_response.create(
        model="text-embedding-3-small", input=["A fox", "A hare"]
    )
    vectors = raw.parse()
    assert raw.headers["Steward-Run-Id"] and int(raw.headers["Steward-Cost-Micro"]) > 0
    assert [len(row.embedding) for row in vectors.data] == [1536, 1536]
    (picture,) = client.images.generate(model="gpt-image-1", prompt="A fox", size="1024x1024").data
    assert base64.b64decode(picture.b64_json).startswith(b"\x89PNG")
    spoken = client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Good morning", response_format="wav"
    )
    with wave.open(BytesIO(spoken.content)) as sound:
        assert sound.getnframes() == 2 * 24_000 * 300 // 1000
    heard = client.audio.transcriptions.create(model="whisper-1", file=("said.wav", spoken.content))
    assert heard.text == "Good morning"


def test_models_are_listed_and_found(client):
    listed = {model.id for model in client.models.list()}
    assert {MODEL, "assistant:steward", "text-embedding-3-small", "gpt-image-1", "whisper-1"} <= listed
    assert client.models.retrieve("assistant:steward").owned_by == "workspace"


def test_async_client_answers_many_at_once_and_streams(acme):
    async def run() -> tuple[list[str], str]:
        async with openai.AsyncOpenAI(
            api_key=acme.key, base_url=f"{acme.url}/v1", timeout=PATIENCE_S
        ) as client:
            asked = [
                client.chat.completions.create(
                    model=MODEL, messages=messages("Say", exact=f"number {number}")
                )
                for number in range(4)
            ]
            answers = await asyncio.gather(*asked)
            stream = await client.chat.completions.create(
                model=MODEL, messages=messages("Say", exact="one two three"), stream=True
            )
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            return [answer.choices[0].message.content for answer in answers], "".join(parts)

    assert asyncio.run(run()) == ([f"number {number}" for number in range(4)], "one two three")


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        (openai.BadRequestError, {"messages": []}),
        (openai.NotFoundError, {"model": "no-such-model"}),
        (openai.BadRequestError, {"messages": messages("Hi", fault=400)}),
        (openai.RateLimitError, {"messages": messages("Hi", fault="429 retry_after=60")}),
        (openai.InternalServerError, {"messages": messages("Hi", fault="quota")}),
    ],
)
def test_error_of_each_kind(client, kind, asked):
    with pytest.raises(kind):
        client.chat.completions.create(**{"model": MODEL, "messages": messages("Hi"), **asked})


def test_errors_of_keys_and_of_a_limit(acme):
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(api_key="stw_wrong", base_url=f"{acme.url}/v1", timeout=PATIENCE_S).models.list()
    _, reader = acme.make_key(scopes=["view"])
    with reader.openai() as client, pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model=MODEL, messages=messages("Hi"))
    _, poor = acme.make_key(limits=[{"meter": "messages", "window": "day", "amount": 1}])
    with poor.openai(max_retries=2) as client:
        client.chat.completions.create(model=MODEL, messages=messages("Hi"))
        sent = []
        client._client.event_hooks["request"].append(sent.append)
        with pytest.raises(openai.RateLimitError) as raised:
            client.chat.completions.create(model=MODEL, messages=messages("Hi"))
        assert (raised.value.code, len(sent)) == ("insufficient_quota", 1)
        assert raised.value.response.headers["x-should-retry"] == "false"


def test_langchain_invokes_streams_and_embeds(acme):
    place = {"base_url": f"{acme.url}/v1", "api_key": acme.key}
    model = ChatOpenAI(model=MODEL, max_retries=0, timeout=PATIENCE_S, **place)
    said = [HumanMessage(steer("Say", exact="one two three", rate=50))]
    whole = model.invoke(said)
    assert (whole.content, whole.usage_metadata["output_tokens"]) == ("one two three", 3)
    parts = list(model.stream(said, stream_usage=True))
    assert "".join(part.content for part in parts) == "one two three"
    assert sum(part.usage_metadata["output_tokens"] for part in parts if part.usage_metadata) == 3
    assistant = ChatOpenAI(model="assistant:steward", max_retries=0, timeout=PATIENCE_S, **place)
    assert assistant.invoke(said).content == "one two three"
    # Its own count of tokens asks the internet for a vocabulary.
    vectors = OpenAIEmbeddings(
        model="text-embedding-3-small", timeout=PATIENCE_S, check_embedding_ctx_length=False, **place
    )
    assert [len(row) for row in vectors.embed_documents(["A fox", "A hare"])] == [1536, 1536]


def test_curl(acme):
    body = {"model": MODEL, "messages": messages("Say", exact="one two"), "stream": True}
    command = ["curl", "--silent", "--no-buffer", "--max-time", "30", f"{acme.url}/v1/chat/completions"]
    command += ["-H", f"Authorization: Bearer {acme.key}", "-H", "Content-Type: application/json"]
    raw = subprocess.run(
        [*command, "-d", json.dumps(body)], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    ).stdout
    assert raw.endswith("data: [DONE]\n\n")
    chunks = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "one two"


def run_shell(command: str, **variables: str) -> str:
    """What a command of a document prints. Raises if it fails."""
    return subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, **variables}, capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    ).stdout  # fmt: skip


def test_curl_of_the_document(acme):
    found = re.search(r"^ +(curl .+?\\\n.+?)$", DOCUMENT.read_text(), re.MULTILINE)
    command = found[1].replace("https://<host>", acme.url)
    raw = run_shell(f"{command} --silent --max-time 30", KEY=acme.key)
    assert json.loads(raw)["choices"][0]["finish_reason"] == "stop"


def test_every_curl_of_the_page_on_the_api(acme):
    commands = re.findall(r"^```sh\n(curl .+?)```", API_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names = {"STEWARD_URL": acme.url, "STEWARD_KEY": acme.key}
    answers = [json.loads(run_shell(f"{command.strip()} --max-time 30", **names)) for command in commands]
    listed, turn, completion = answers
    assert listed["results"] and turn["run"]
    assert completion["choices"][0]["finish_reason"] == "stop"


def test_embedding_whose_client_left_is_settled_all_the_same(acme, books, provider):
    """The same of a stream: test_openai_sdk.py. The control: the provider was not done when the client left."""
    body = {"model": "text-embedding-3-small", "input": steer("Left early", delay_ms=6000, key="left-early")}
    with pytest.raises(openai.APITimeoutError), acme.openai(max_retries=0) as client:
        client.with_options(timeout=3).embeddings.create(**body)
    (request,) = provider.requests("left-early")
    assert request["state"] != "completed"
    run = request["client_request_id"].removesuffix("-1")
    books.wait_final([run])
    (entry,) = books.read([run])
    assert (entry.state, entry.hold_state, entry.settlements) == ("done", "settled", 1)
    eventually(lambda: provider.requests("left-early")[0]["state"] == "completed", what="it was heard out")
