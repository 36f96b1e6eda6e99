"""The command `steward` against a server that is made up: what it sends, prints and exits with."""

import io
import json
import time
import tomllib
from email.utils import formatdate
from importlib import import_module
from pathlib import Path

import httpx
import pytest
from steward_cli import folders, repeating, service, settings, talking, verify
from steward_cli.main import run
from steward_cli.refusals import Refusal

import usage.receipts.verify

ROOT = Path(__file__).parents[2]
RESULT = {
    "run": "r1", "state": "done", "problem": None, "receipt": "c1", "conversation": "k1", "answer": "Hi.",
    "usage": {"input_tokens": 1, "output_tokens": 2, "cost_micro": 3},
}  # fmt: skip
RISK = {
    "path": "a.py",
    "line": 2,
    "severity": "high",
    "title": "eval",
    "detail": "Runs it.",
    "advice": "Do not.",
}


class Server:
    """Answers by path; keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, list[httpx.Response]] = {}
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []

    def will(self, path: str, *found) -> None:
        rows = [row if isinstance(row, httpx.Response) else httpx.Response(200, json=row) for row in found]
        self.answers[f"/api/v1/{path}"] = rows

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        rows = self.answers[request.url.path]
        found = rows.pop(0) if len(rows) > 1 else rows[0]
        if found.status_code == 599:
            raise httpx.ConnectError("away", request=request)
        return found

    @property
    def sent(self) -> list[dict]:
        return [json.loads(request.content) for request in self.requests if request.content]

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("idempotency-key") for request in self.requests]


@pytest.fixture
def server(monkeypatch, tmp_path) -> Server:
    server, real = Server(), httpx.Client
    monkeypatch.setattr(
        service.httpx,
        "Client",
        lambda **options: real(**options | {"transport": httpx.MockTransport(server)}),
    )
    monkeypatch.setattr(service, "sleep", server.waits.append)
    monkeypatch.setattr(repeating.random, "uniform", lambda least, most: most)
    monkeypatch.setattr(settings, "place", lambda: tmp_path / "home" / "config.json")
    monkeypatch.setenv("STEWARD_URL", "https://steward.test/")
    monkeypatch.setenv("STEWARD_KEY", "stw_key")
    monkeypatch.chdir(tmp_path)
    return server


@pytest.fixture
def steward(monkeypatch):
    def call(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["steward", *arguments])
        with pytest.raises(SystemExit) as ended:
            run()
        return ended.value.code

    return call


def written(*files: tuple[str, str], ok: bool | None = True) -> dict:
    rows = [{"path": path, "language": "", "content": content} for path, content in files]
    gates = [{"name": "parses", "path": path, "ok": ok, "detail": ""} for path, _ in files]
    return RESULT | {"files": rows, "gates": gates}


def analysis(*risks: dict) -> dict:
    return RESULT | {"summary": "Code.", "structure": [], "risks": list(risks), "gates": []}


def stream(*events: tuple[str, dict]) -> httpx.Response:
    text = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)
    return httpx.Response(200, text=": keep-alive\n\n" + text)


def test_chat_prints_what_comes_and_nothing_twice(server, steward, capsys):
    server.will("chat", stream(
        ("turn", {}), ("delta", {"text": "One ", "offset": 0}), ("snapshot", {"text": "One two"}),
        ("delta", {"text": ".", "offset": 7}), ("done", {"state": "done"}), ("result", RESULT),
    ))  # fmt: skip
    assert steward("chat", "Hello", "-a", "reviewer") == 0
    shown = capsys.readouterr()
    assert shown.out == "One two.\n"
    assert "conversation k1" in shown.err
    assert server.sent == [
        {"message": "Hello", "assistant": "reviewer", "stream": True, "conversation": None}
    ]
    assert server.requests[0].headers["authorization"] == "Bearer stw_key"


def test_files_go_with_the_question(server, steward, tmp_path):
    server.will("ask", RESULT | {"sources": []})
    (tmp_path / "note.txt").write_text("Kept.")
    assert steward("ask", "What?", "-f", "note.txt") == 0
    assert server.sent[0]["question"] == "What?\n\nFile note.txt:\n\nKept."


def test_sources_stand_below_the_answer(server, steward, capsys):
    source = {"number": 2, "name": "leave.txt", "page": 3, "is_cited": True}
    other = {"number": 1, "name": "other.txt", "page": None, "is_cited": False}
    server.will("ask", RESULT | {"sources": [source, other]})
    assert steward("ask", "What?") == 0
    assert capsys.readouterr().out == "Hi.\n[2] leave.txt, page 3\n[1] other.txt (not cited)\n"


def test_question_is_read_from_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(Refusal):
        talking.question("", [])


def test_answer_as_json(server, steward, capsys):
    server.will("chat", RESULT)
    assert steward("chat", "Hello", "--json") == 0
    assert json.loads(capsys.readouterr().out) == RESULT
    assert server.sent[0]["stream"] is False


@pytest.mark.parametrize(
    ("status", "code", "tries"),
    [
        (402, 3, 1), (429, 3, 4), (401, 4, 1), (403, 6, 1), (404, 6, 1), (409, 6, 1), (400, 2, 1), (422, 2, 1),
        (500, 7, 4), (503, 7, 4), (599, 5, 4),
    ],
)  # fmt: skip
def test_refusals_have_exit_codes_of_their_own(server, steward, status, code, tries):
    server.will("ask", httpx.Response(status, json={"detail": "No."}))
    assert steward("ask", "Hello") == code
    assert len(server.requests) == tries
    assert len({*server.keys}) == 1, "what costs is carried out once"


def test_refusal_of_a_limit_says_all_of_it(server, steward, capsys):
    line = {
        "meter": "messages", "limit": 5, "used": 4, "held": 1, "resets_at": "2026-12-01T00:00:00Z",
        "who_can_raise": "an owner",
    }  # fmt: skip
    body = {"detail": "Used up.", "limits": [line], "upgrade_url": "https://steward.test/pricing/"}
    server.will("ask", httpx.Response(402, json=body))
    assert steward("ask", "Hello") == 3
    said = capsys.readouterr().err
    assert "Used up." in said
    for part in ("limit 5", "used 4", "held 1", "resets at 2026-12-01T00:00:00Z", "an owner", "/pricing/"):
        assert part in said


def test_reads_are_tried_again(server, steward):
    server.will("assistants", httpx.Response(599), httpx.Response(503), {"results": []})
    assert steward("assistants") == 0
    assert len(server.requests) == 3


# again

ANSWER = RESULT | {"sources": []}


@pytest.mark.parametrize("failed", [429, 500, 502, 503, 504, 599])
def test_call_that_costs_is_sent_again_with_its_key(server, steward, failed):
    server.will("ask", httpx.Response(failed), httpx.Response(failed), ANSWER)
    assert steward("ask", "Hello") == 0
    first, *again = server.keys
    assert again == [first, first]
    assert first is not None and len(first) == 36
    assert server.sent == [server.sent[0]] * 3
    assert server.waits == [0.5, 1.0]


def test_each_intent_has_a_key_of_its_own(server, steward):
    server.will("ask", ANSWER)
    server.will("keys/k1", httpx.Response(503), httpx.Response(204))
    for call in (("ask", "Hello"), ("ask", "Hello"), ("keys", "revoke", "k1")):
        assert steward(*call) == 0
    asked, asked_again, revoked, revoked_again = server.keys
    assert len({asked, asked_again, revoked}) == 3
    assert revoked == revoked_again


def test_reads_have_no_key(server, steward):
    server.will("assistants", {"results": []})
    assert steward("assistants") == 0
    assert server.keys == [None]


def test_stream_is_begun_again_with_its_key(server, steward, capsys):
    server.will("chat", httpx.Response(599), httpx.Response(503), stream(("result", RESULT)))
    assert steward("chat", "Hello") == 0
    assert len(server.requests) == 3
    assert len({*server.keys}) == 1
    assert "k1" in capsys.readouterr().err


def test_stream_that_breaks_is_not_asked_for_again(server, steward):
    """What was printed would come twice."""
    server.will("chat", stream(("delta", {"text": "Hi", "offset": 0})))
    assert steward("chat", "Hello") == 5
    assert len(server.requests) == 1


def test_server_says_when(server, steward, capsys):
    in_a_while = formatdate(time.time() + 30, usegmt=True)
    server.will(
        "ask",
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(503, headers={"Retry-After": in_a_while}),
        httpx.Response(503, headers={"Retry-After": "soon"}),
        ANSWER,
    )
    assert steward("ask", "Hello") == 0
    first, second, third = server.waits
    assert (first, 28 < second <= 30, third) == (7.0, True, 2.0)
    assert "once more in 7 s" in capsys.readouterr().err


def test_server_that_asks_for_more_than_a_minute_is_not_waited_for(server, steward):
    refusal = httpx.Response(429, headers={"Retry-After": "61"}, json={"detail": "Tomorrow."})
    server.will("ask", refusal)
    assert steward("ask", "Hello") == 3
    assert (len(server.requests), server.waits) == (1, [])


@pytest.mark.parametrize(
    ("status", "said", "tries"), [(503, "false", 1), (429, "false", 1), (408, "true", 2)]
)
def test_server_says_whether(server, steward, status, said, tries):
    server.will("ask", httpx.Response(status, headers={"x-should-retry": said}), ANSWER)
    steward("ask", "Hello")
    assert len(server.requests) == tries


def test_what_was_carried_out_and_failed_is_told_once(server, steward):
    """The answer to the first try, which was lost: it will not become another."""
    replayed = httpx.Response(503, headers={"Idempotent-Replayed": "true"}, json={"detail": "Busy."})
    server.will("ask", httpx.Response(599), replayed)
    assert steward("ask", "Hello") == 7
    assert len(server.requests) == 2


def test_first_try_that_still_runs_is_waited_for(server, steward, monkeypatch):
    running = httpx.Response(409, headers={"Retry-After": "1"}, json={"code": "idempotency_in_progress"})
    server.will("ask", httpx.Response(599), *[running] * 20, ANSWER)
    assert steward("ask", "Hello") == 0
    assert server.waits == [0.5, *[1.0] * 20]
    monkeypatch.setattr(repeating, "MOST_RUNNING_S", 0)
    server.will("ask", running)
    assert steward("ask", "Hello") == 6, "but not for ever"


def test_wrong_option_is_exit_code_two(server, steward):
    assert steward("chat", "--nonsense") == 2
    assert steward("analyze", ".", "--fail-on", "sometimes") == 2


# files


def test_generated_files_are_written(server, steward, tmp_path):
    server.will("generate", written(("src/a.py", "x = 1\n")))
    assert steward("generate", "A thing", "-o", "made") == 0
    assert (tmp_path / "made/src/a.py").read_text() == "x = 1\n"


def test_file_that_does_not_parse_is_written_and_found(server, steward, tmp_path):
    server.will("generate", written(("a.py", "x ="), ok=False))
    assert steward("generate", "A thing") == 1
    assert (tmp_path / "a.py").read_text() == "x ="


def test_file_that_is_there_stays_without_force(server, steward, tmp_path, capsys):
    (tmp_path / "a.py").write_text("mine")
    server.will("generate", written(("new.py", ""), ("a.py", "theirs")))
    assert steward("generate", "A thing") == 2
    assert ((tmp_path / "a.py").read_text(), (tmp_path / "new.py").exists()) == ("mine", False)
    assert "runs/r1/result" in capsys.readouterr().err, "what was paid can be fetched again"
    assert steward("generate", "A thing", "--force") == 0
    assert (tmp_path / "a.py").read_text() == "theirs"


@pytest.mark.parametrize(
    "path", ["../a", "/tmp/a", "a/../../b", "..", "", ".", "a\\b", "C:a", ".git/hooks/x", "out/a"]
)
def test_nothing_is_written_outside(tmp_path, path):
    """`out` is a link that leads out; the server may say what it likes."""
    root, outside = tmp_path / "in", tmp_path / "outside"
    root.mkdir(), outside.mkdir()
    (root / "out").symlink_to(outside)
    with pytest.raises(Refusal):
        folders.write(root, [{"path": "good", "content": ""}, {"path": path, "content": "x"}], force=True)
    assert (sorted(p.name for p in root.iterdir()), list(outside.iterdir())) == (["out"], [])


def test_link_is_replaced_not_followed(tmp_path):
    victim, root = tmp_path / "victim", tmp_path / "in"
    root.mkdir()
    victim.write_text("mine")
    (root / "a").symlink_to(victim)
    folders.write(root, [{"path": "a", "content": "theirs"}], force=True)
    assert (victim.read_text(), (root / "a").read_text()) == ("mine", "theirs")


@pytest.mark.parametrize(("fail_on", "code"), [("low", 1), ("high", 1), ("critical", 0), ("never", 0)])
def test_analysis_fails_from_a_severity_on(server, steward, tmp_path, capsys, fail_on, code):
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "b.js").write_text("x")
    server.will("analyze", analysis(RISK))
    assert steward("analyze", ".", "--fail-on", fail_on) == code
    assert server.sent[0]["files"] == [{"path": "a.py", "content": "x = 1\n"}]
    assert "a.py:2: high: eval" in capsys.readouterr().out


# who


def test_login_keeps_a_key_that_nobody_else_reads(server, steward, monkeypatch):
    monkeypatch.delenv("STEWARD_KEY")
    monkeypatch.delenv("STEWARD_URL")
    monkeypatch.setattr("typer.prompt", lambda text, **_: "stw_typed")
    server.will("user/usage", {})
    assert steward("login", "--url", "https://steward.test") == 0
    assert settings.place().stat().st_mode & 0o777 == 0o600
    assert (settings.load().key, settings.load().url) == ("stw_typed", "https://steward.test")
    settings.place().chmod(0o644)
    server.will("assistants", {"results": []})
    assert steward("assistants") == 4
    assert len(server.requests) == 1, "nothing was sent with a key that others can read"


def test_login_by_e_mail_makes_a_key_and_ends_its_session(server, steward, monkeypatch):
    monkeypatch.setattr("typer.prompt", lambda text, **_: "typed")
    server.will(
        "auth/login",
        httpx.Response(401, json={"code": "second_factor_required"}),
        {"access": "A", "refresh": "R"},
    )
    server.will("auth/me", {"workspaces": [{"slug": "acme"}]})
    server.will("keys", {"key": "stw_made"})
    server.will("auth/logout", httpx.Response(204))
    server.will("user/usage", {})
    assert steward("login", "--url", "https://steward.test", "--email", "a@b.test") == 0
    assert server.sent[1]["code"] == "typed"
    made = next(request for request in server.requests if request.url.path == "/api/v1/keys")
    assert made.headers["x-workspace"] == "acme"
    assert server.sent[-1] == {"refresh": "R"}
    monkeypatch.delenv("STEWARD_KEY")
    assert settings.load().key == "stw_made"


def test_nobody_is_signed_out(server, steward, monkeypatch):
    monkeypatch.delenv("STEWARD_KEY")
    assert steward("usage") == 4


# receipts


def test_verifier_is_the_product_s_own_file():
    assert Path(verify.__file__).resolve() == Path(usage.receipts.verify.__file__).resolve()


def test_receipt_is_judged_offline(server, steward, tmp_path):
    (tmp_path / "r.json").write_text("{}")
    assert steward("receipts", "verify", "r.json") == 2
    assert server.requests == []


def test_package_names_an_entry_point_that_is_there():
    package = tomllib.loads((ROOT / "clients/cli/pyproject.toml").read_text())["project"]
    module, _, name = package["scripts"]["steward"].partition(":")
    assert callable(getattr(import_module(module), name))
