import asyncio
import hashlib
import socket
import time

import openai
import pytest


def test_counters_add_up_what_answers_reported(simulator):
    first = simulator.ask("/sim cached=3 echo=one two")
    *_, last = simulator.stream("/sim tokens=70")
    vectors = simulator.client.embeddings.create(model="sim-embed", input=["one", "two three"])
    by_model = {(row["kind"], row["model"]): row for row in simulator.control("/_sim/counters")["by_model"]}
    chat = by_model["chat", "sim-small"]
    assert chat["requests"] == chat["completed"] == 2
    assert chat["input_tokens"] == first.usage.prompt_tokens + last.usage.prompt_tokens
    assert chat["cached_tokens"] == 3
    assert chat["output_tokens"] == chat["output_tokens_written"] == first.usage.completion_tokens + 70
    assert by_model["embedding", "sim-embed"]["input_tokens"] == vectors.usage.total_tokens
    assert simulator.totals()["requests"] == 3


def test_a_record_names_the_clients_request_and_digests_the_text(simulator):
    *_, _, _ = simulator.stream(
        "/sim key=mine echo=Hello there", extra_headers={"X-Client-Request-Id": "run-1/1"}
    )
    by_key = simulator.control("/_sim/requests?key=mine")["requests"]
    by_id = simulator.control("/_sim/requests?client_request_id=run-1/1")["requests"]
    assert by_key == by_id == [simulator.last_record()]
    (record,) = by_key
    assert record["started_at"] <= record["first_at"] <= record["ended_at"] <= time.time()
    assert (record["state"], record["model"], record["kind"], record["stream"]) == (
        "completed",
        "sim-small",
        "chat",
        True,
    )
    assert record["text_sha256"] == hashlib.sha256(b"Hello there").hexdigest()
    assert simulator.control("/_sim/requests?key=other")["requests"] == []


def test_production_stops_when_the_client_leaves(simulator):
    stream = simulator.stream("/sim tokens=1000 rate=200")
    for number, _ in enumerate(stream):
        if number == 10:
            break
    stream.close()
    simulator.wait_until_closed()
    record = simulator.last_record()
    assert record["state"] == "aborted"
    assert 10 <= record["output_tokens"] < 100
    assert record["output_tokens_written"] == record["output_tokens"] == simulator.totals()["output_tokens"]


def test_tokens_of_an_abandoned_plain_answer_stay_on_the_bill(simulator):
    with pytest.raises(openai.APITimeoutError):
        simulator.client.with_options(timeout=0.3).chat.completions.create(
            model="sim-small", messages=[{"role": "user", "content": "/sim tokens=1000 rate=100"}]
        )
    simulator.wait_until_closed()
    record = simulator.last_record()
    assert 20 <= record["output_tokens"] <= 60
    assert record["output_tokens_written"] == 0
    assert record["input_tokens"] > 0


def test_what_a_stuck_reader_did_not_take_is_not_written(simulator):
    host, port = simulator.address.removeprefix("http://").split(":")
    body = b'{"model":"sim-small","stream":true,"messages":[{"role":"user","content":"/sim tokens=60000"}]}'
    with socket.create_connection((host, int(port))) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = "POST /v1/chat/completions HTTP/1.1\r\nAuthorization: Bearer x\r\n"
        reader.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert reader.recv(100)
        time.sleep(0.3)
    simulator.wait_until_closed()
    record = simulator.last_record()
    assert record["state"] == "aborted"
    assert 0 < record["output_tokens_written"] < record["output_tokens"] < 60_000


def test_two_requests_of_one_run_at_once_are_noticed(simulator):
    async def ask(client, number):
        await client.chat.completions.create(
            model="sim-small",
            messages=[{"role": "user", "content": "/sim delay_ms=200 echo=x"}],
            extra_headers={"X-Client-Request-Id": "run-2" if number else "run-1"},
        )

    async def ask_all():
        async with openai.AsyncOpenAI(base_url=f"{simulator.address}/v1", api_key="x") as client:
            await asyncio.gather(*(ask(client, number) for number in range(3)))

    asyncio.run(ask_all())
    simulator.ask("/sim echo=x", extra_headers={"X-Client-Request-Id": "run-2"})
    records = simulator.control("/_sim/requests?client_request_id=run-2")["requests"]
    assert [record["concurrent_duplicates"] for record in records] == [0, 1, 0]
    assert simulator.totals()["concurrent_duplicates"] == 1


def test_reset_forgets_everything(simulator):
    simulator.ask("Hello")
    simulator.control("/_sim/reset", method="POST")
    assert simulator.totals()["requests"] == 0
    assert simulator.control("/_sim/requests")["requests"] == []
