"""Whatever a provider may send: read right, or ended with a clear failure. One bad answer harms no other."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assistants.llm import chat
from tests.assistants.books import WORDS, assert_charged, assert_ended

DONE = "[DONE]"
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}


def content(text) -> dict:
    return {"model": "scripted", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def tool(**fields) -> dict:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [fields]}, "finish_reason": None}]}


class Script(BaseHTTPRequestHandler):
    """Answers every call with the bytes of the test."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def scripted(stage, settings):
    """`scripted(chunk, …)` plays a run against a provider that sends exactly these chunks."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Script)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.OPENAI_BASE_URL = f"http://127.0.0.1:{server.server_port}/v1"

    def play(*chunks, raw: bytes | None = None):
        lines = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks]
        server.body = raw if raw is not None else "".join(f"data: {line}\n\n" for line in lines).encode()
        return stage.play("Say it")

    yield play
    server.shutdown()
    server.server_close()


@pytest.fixture
def after(stage, settings, provider):
    """After whatever happened, the process still serves everybody else."""
    yield
    settings.OPENAI_BASE_URL = f"{provider.address}/v1"
    played = stage.play(f"Count\n/sim text={WORDS}")
    assert_ended(played, "done")
    assert_charged(played, output_tokens=10, is_estimated=False)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["a\x00b"], "ab"),
        (["\x00", "x"], "x"),
        (["\ud83d\ude00"], "😀"),
        (["half \ud83d", "."], "half \ufffd."),
        (["\udc00"], "\ufffd"),
        (["Grüße", " 東京", " e\u0301"], "Grüße 東京 e\u0301"),
        (["line\r\nend", "\u2028"], "line\r\nend\u2028"),
        (["\x1b[31m", "\x07"], "\x1b[31m\x07"),
    ],
)
def test_text_that_no_database_holds_is_mended_and_the_answer_kept(scripted, after, pieces, text):
    played = scripted(*[content(piece) for piece in pieces], STOP, USAGE, DONE)
    assert_ended(played, "done")
    assert played.run.text == text
    assert len(played.entries) == 1


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d"])
def test_end_that_the_database_refuses_is_an_end_all_the_same(scripted, after, monkeypatch, caplog, text):
    """Were such text to come through, the run ends as our failure at once, and no other run suffers."""
    with monkeypatch.context() as patch:
        patch.setattr(chat, "_storable", lambda value: value)
        played = scripted(content("Fine so far. "), content(text), STOP, USAGE, DONE)
    assert (played.run.state, played.run.error_code, played.run.text) == ("failed", "internal", "")
    assert (played.hold.state, played.entries) == ("released", [])
    assert "the end of a run could not be written as it came" in [record.message for record in caplog.records]


@pytest.mark.parametrize(
    "chunk",
    [
        content(["a", "list"]),
        content({"a": 1}),
        content(7),
        {"choices": "none"},
        {"choices": [7]},
        {"choices": [{"delta": "text"}]},
        [1, 2],
        "null",
        "7",
        '"text"',
        "{broken",
        tool(index="first"),
        tool(index=-1),
        tool(index=10**9, id="x", function={"name": "f", "arguments": ""}),
        tool(index=0, function="f"),
        tool(index=0, id=7, function={"name": ["f"], "arguments": {}}),
        {"choices": [{"index": 0, "delta": {"tool_calls": ["x"]}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": {"a": 1}}}]},
    ],
    ids=lambda chunk: str(chunk)[:60],
)
def test_unreadable_chunk_ends_the_run_clearly_and_uncharged(scripted, after, chunk):
    played = scripted(chunk, STOP, DONE)
    assert_ended(played, "failed", "provider_protocol")
    assert played.entries == []
    assert played.hold.state == "released"


def test_bytes_that_are_no_text_end_the_run_clearly(scripted, after):
    played = scripted(raw=b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\ndata: [DONE]\n\n')
    assert_ended(played, "failed", "provider_protocol")


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": "many", "completion_tokens": 3},
        {"prompt_tokens": -9, "completion_tokens": 3},
        {"prompt_tokens": 9, "completion_tokens": -3},
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 10}},
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": -1}},
        {"prompt_tokens": 9, "completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 4}},
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": ["x"]},
        {"prompt_tokens": 10**30, "completion_tokens": 3},
        {"prompt_tokens": True, "completion_tokens": [3]},
        ["usage"],
        "usage",
    ],
    ids=str,
)
def test_count_that_cannot_be_true_is_replaced_by_ours_and_marked(scripted, after, usage):
    played = scripted(content("one two three"), STOP, {"choices": [], "usage": usage}, DONE)
    assert_ended(played, "done")
    (entry,) = played.entries
    assert (entry.output_tokens, entry.is_estimated) == (3, True)
    assert entry.input_tokens > 0
    assert entry.cost_micro > 0


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 9, "completion_tokens": 3},
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": None},
        {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": None}},
        {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "cost": "0.1", "extra": {"x": 1}},
    ],
    ids=str,
)
def test_count_of_a_server_that_says_less_is_taken(scripted, usage):
    played = scripted(content("one two three"), STOP, {"choices": [], "usage": usage}, DONE)
    (entry,) = played.entries
    assert (entry.input_tokens, entry.output_tokens, entry.cached_tokens) == (9, 3, 0)
    assert entry.is_estimated is False


def test_usage_beside_the_last_words_is_taken(scripted):
    """Other servers send it with the finish reason, or without any chunk of its own."""
    last = {"choices": STOP["choices"], "usage": USAGE["usage"]}
    assert scripted(content("x"), last, DONE).entries[0].output_tokens == 3


def test_end_mark_may_be_missing_when_the_finish_was_told(scripted):
    played = scripted(content("All of it."), STOP)
    assert_ended(played, "done")
    assert played.run.text == "All of it."


def test_finish_that_was_never_told_is_a_cut(scripted):
    played = scripted(content("Half of"), DONE)
    assert_ended(played, "failed", "provider_cut")
    assert played.run.text == "Half of"


@pytest.mark.parametrize("extra", [{"error": None}, {"choices_extra": 1}, {"obfuscation": "xyz"}])
def test_fields_that_mean_nothing_are_passed_over(scripted, extra):
    played = scripted({**content("Fine."), **extra}, STOP, DONE)
    assert_ended(played, "done")
    assert played.run.text == "Fine."


def test_error_within_a_stream_ends_it_and_keeps_what_was_said(scripted):
    played = scripted(content("Half of"), {"error": {"message": "overloaded", "code": 500}}, DONE)
    assert_ended(played, "failed", "provider_unavailable")
    assert played.run.text == "Half of"
    assert "overloaded" not in str(played.events)


@pytest.mark.parametrize(
    "raw",
    [
        b'data: {"choices":[{"delta":{"content":"Fine."},"finish_reason":"stop"}]}\r\n\r\ndata: [DONE]\r\n\r\n',
        b'data:{"choices":[{"delta":{"content":"Fine."},"finish_reason":"stop"}]}\n\ndata:[DONE]\n\n',
        b": comment\n\nevent: x\nid: 1\nretry: 3\n"
        b'data: {"choices":[{"delta":{"content":"Fine."},"finish_reason":"stop"}]}\n\n',
    ],
)
def test_other_spellings_of_the_protocol_are_read(scripted, raw):
    played = scripted(raw=raw)
    assert_ended(played, "done")
    assert played.run.text == "Fine."


def test_tool_calls_are_put_together_from_their_pieces(scripted):
    played = scripted(
        tool(index=0, id="call_a", function={"name": "first", "arguments": ""}),
        tool(index=0, function={"arguments": '{"city": "K\u00f6ln'}),
        tool(index=1, id="call_b", type="function", function={"name": "second", "arguments": "{}"}),
        tool(index=0, function={"arguments": ' \x00am Rhein"}'}),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
        DONE,
    )
    assert played.run.state == "done"
    assert played.run.tool_calls == [
        {
            "id": "call_a",
            "type": "function",
            "function": {"name": "first", "arguments": '{"city": "Köln am Rhein"}'},
        },
        {"id": "call_b", "type": "function", "function": {"name": "second", "arguments": "{}"}},
    ]
    assert len(played.entries) == 1
