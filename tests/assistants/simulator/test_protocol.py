import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import openai
import pytest

VALID = {"model": "sim-small", "messages": [{"role": "user", "content": "x"}]}
MALFORMED = [
    {"messages": []},
    {"messages": "x"},
    {"messages": [{"role": "robot", "content": "x"}]},
    {"messages": [{"role": "user"}]},
    {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
    {"model": None},
    {"n": 2},
    {"stream": "yes"},
    {"max_tokens": 0},
    {"max_completion_tokens": "9"},
    {"stop": ["a", "b", "c", "d", "e"]},
    {"stream_options": {"include_usage": True}},
    {"tools": [{}]},
    {"tool_choice": "required"},
    {"response_format": {"type": "json_schema"}},
]


def post(simulator, path, body, key="simulated"):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(f"{simulator.address}{path}", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("change", MALFORMED)
def test_a_malformed_request_is_refused(simulator, change):
    status, answer = post(simulator, "/v1/chat/completions", json.dumps(VALID | change).encode())
    assert status == 400
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    assert simulator.totals()["output_tokens"] == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"model": "\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(simulator, body):
    status, answer = post(simulator, "/v1/chat/completions", body)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("key", ["invalid", None])
def test_a_wrong_or_missing_key_is_refused(simulator, key):
    status, answer = post(simulator, "/v1/chat/completions", json.dumps(VALID).encode(), key)
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
    with pytest.raises(openai.AuthenticationError):
        simulator.client.with_options(api_key="invalid").models.list()


def test_unknown_models_and_models_of_another_kind_are_not_found(simulator):
    with pytest.raises(openai.NotFoundError) as caught:
        simulator.ask("Hello", model="gpt-none")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        simulator.ask("Hello", model="sim-embed")


def test_models_are_listed_and_described(simulator):
    listed = {model.id for model in simulator.client.models.list()}
    assert {
        "sim-small",
        "sim-large",
        "sim-embed",
        "sim-image",
        "sim-voice",
        "gpt-4o-mini",
        "whisper-1",
    } <= listed
    assert simulator.client.models.retrieve("sim-large").owned_by == "simulated"
    with pytest.raises(openai.NotFoundError):
        simulator.client.models.retrieve("gpt-none")


def test_a_prompt_beyond_the_context_window_is_refused(simulator):
    with pytest.raises(openai.BadRequestError) as caught:
        simulator.ask("word " * 130_000)
    assert caught.value.code == "context_length_exceeded"


def test_the_page_and_the_health_answer_say_that_it_is_simulated(simulator):
    with urllib.request.urlopen(f"{simulator.address}/", timeout=5) as page:
        assert "<strong>simulation</strong>" in page.read().decode()
    health = simulator.control("/_sim/health")
    assert (health["status"], health["simulated"]) == ("ok", True)


def test_unknown_addresses_are_not_found(simulator):
    assert post(simulator, "/v1/fine_tuning/jobs", b"{}")[0] == 404
    assert post(simulator, "/nothing", b"{}")[0] == 404


def test_pipelined_requests_are_answered_in_order_and_noise_is_refused(simulator):
    host, port = simulator.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(
            b"GET /_sim/health HTTP/1.1\r\n\r\nGET /v1/models HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.index(b"HTTP/1.1 200 OK") < answer.index(b"HTTP/1.1 401 Unauthorized")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"\x16\x03\x01 not http\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 400 Bad Request")


def test_a_taken_port_is_one_clear_sentence(simulator):
    port = simulator.address.rpartition(":")[2]
    command = [sys.executable, "-m", "assistants.simulator", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The simulated provider cannot listen on 127.0.0.1:{port}: ")
    assert "Traceback" not in done.stderr


def test_it_ends_cleanly_on_sigterm_with_a_stream_open():
    command = [sys.executable, "-m", "assistants.simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().split()[-1]
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0, timeout=5)
        messages = [{"role": "user", "content": "/sim tokens=10000 rate=10"}]
        stream = client.chat.completions.create(model="sim-small", messages=messages, stream=True)
        next(iter(stream))
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=5) == 0
        assert process.stderr.read() == ""


def test_it_needs_no_django():
    code = (
        "import sys, assistants.simulator.__main__; print('django' in sys.modules, 'openai' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout == "False False\n"
