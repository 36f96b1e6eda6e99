"""`chat`, `ask`, `generate` and `analyze` over a real server, with a worker and the simulated provider behind it."""

import json

import httpx2
import pytest

from assistants.models import AssistantKnowledge, Document, Message, Run
from tenants.scope import enter
from tests import factories
from tests.assistants.books import WORDS
from tests.assistants.documents import shelf
from tests.assistants.streams import wait_until
from usage.models import Hold, LedgerEntry, Meter, Window
from usage.receipts.models import Receipt

API = "/api/v1"


class Caller:
    def __init__(self, web: str, key: str) -> None:
        self.client = httpx2.Client(
            base_url=f"{web}{API}", headers={"Authorization": f"Bearer {key}"}, timeout=20
        )

    def post(self, path: str, **body) -> httpx2.Response:
        return self.client.post(f"/{path}", json=body)

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(f"/{path}")


@pytest.fixture
def caller(web, worker, committed, owner) -> Caller:
    return Caller(web, factories.make_key(owner.member))


def said(value: object) -> str:
    """A directive for the simulated provider: the answer, word for word."""
    return "/sim text=" + json.dumps(value, ensure_ascii=True)


def run_of(body: dict, workspace) -> Run:
    with enter(workspace):
        return Run.objects.get(id=body["run"])


def assert_paid_once(body: dict, workspace, **meters: int) -> None:
    run = run_of(body, workspace)
    (entry,) = LedgerEntry.objects.filter(hold_id=run.id)
    assert {name: getattr(entry, name) for name in meters} == meters
    assert body["usage"] == {
        "input_tokens": entry.input_tokens,
        "output_tokens": entry.output_tokens,
        "cost_micro": entry.cost_micro,
        "is_estimated": False,
    }
    assert entry.cost_micro > 0
    assert Receipt.objects.get(id=body["receipt"]).hold_id == run.id
    assert Hold.objects.get(id=run.id).state == "settled"


# chat and ask


def test_chat_answers_one_turn_and_goes_on(caller, acme):
    first = caller.post("chat", message=f"Count\n/sim text={WORDS}")
    body = first.json()
    assert (first.status_code, body["answer"], body["state"], body["problem"]) == (200, WORDS, "done", None)
    assert_paid_once(body, acme, messages=1, generations=0)
    second = caller.post("chat", message="Again\n/sim text=Twice.", conversation=body["conversation"]).json()
    assert (second["conversation"], second["answer"]) == (body["conversation"], "Twice.")
    with enter(acme):
        assert str(Message.objects.get(id=second["question"]).parent_id) == body["message"]


def test_streamed_chat_names_its_turn_first_and_its_receipt_last(caller, acme):
    body = {"message": f"Count\n/sim text={WORDS}\n/sim rate=60", "stream": True}
    headers = {"Accept": "text/event-stream"}
    with caller.client.stream("POST", "/chat", json=body, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = list(response.iter_lines())
    events = [line[7:] for line in lines if line.startswith("event: ")]
    data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert (events[0], events[-2:]) == ("turn", ["done", "result"])
    assert "".join(row["text"] for name, row in zip(events, data, strict=True) if name == "delta") == WORDS
    assert (data[-1]["answer"], data[-1]["run"]) == (WORDS, data[0]["run"])
    assert data[-1]["conversation"] == data[0]["conversation"]
    assert_paid_once(data[-1], acme, messages=1)


def test_chat_with_an_assistant_by_its_slug_or_id(caller, acme, owner):
    with enter(acme):
        made = factories.make_assistant(owner.member, "Reviewer")
    for chosen in (made.slug, str(made.id)):
        run = run_of(caller.post("chat", message="Hello", assistant=chosen).json(), acme)
        assert run.assistant_id == made.id
    for chosen in ("nobody", str(factories.uuid4())):
        refused = caller.post("chat", message="Hello", assistant=chosen)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_nobody_chats_in_a_foreign_conversation(web, worker, caller, admin, acme):
    mine = caller.post("chat", message="Hello").json()
    other = Caller(web, factories.make_key(admin.member))
    assert other.post("chat", message="Hello", conversation=mine["conversation"]).status_code == 404
    assert other.get(f"runs/{mine['run']}/result").status_code == 404
    assert caller.get(f"runs/{mine['run']}/result").json() == mine


def test_asked_question_tells_the_passages_that_its_answer_had(caller, acme, owner):
    with enter(acme):
        made = factories.make_assistant(owner.member, "Personnel")
        document = shelf.keep(owner.member, "Everybody has 30 days of leave in a year.", "leave.txt")
        AssistantKnowledge.objects.create(assistant=made, document=document)
    question = "How many days of leave?"
    body = caller.post("ask", question=f"{question}\n/sim text=30 days [1].", assistant=made.slug).json()
    assert body["answer"] == "30 days [1]."
    (source,) = body["sources"]
    assert (source["number"], source["document"], source["name"]) == (1, str(document.id), "leave.txt")
    assert source["is_cited"] is True
    assert_paid_once(body, acme, messages=1)
    unheard = caller.post("ask", question=f"{question}\n/sim text=Many.", assistant=made.slug).json()
    assert [row["is_cited"] for row in unheard["sources"]] == [False]


def test_failed_answer_is_a_problem_with_what_was_paid(caller, acme):
    nothing = caller.post("ask", question="Hello\n/sim fault=400")
    assert (nothing.status_code, nothing.json()["code"]) == (422, "provider_refused_request")
    assert nothing.json()["result"]["receipt"] is None
    cut = caller.post("ask", question="Tell\n/sim tokens=30\n/sim fault=cut after=5")
    body = cut.json()
    assert (cut.status_code, cut.headers["content-type"]) == (502, "application/problem+json")
    assert (body["code"], bool(body["result"]["answer"])) == ("provider_cut", True)
    assert Receipt.objects.get(id=body["result"]["receipt"]).hold_id == run_of(body, acme).id


# generate


def test_generated_files_parse_and_are_paid_as_one_generation(caller, acme):
    body = caller.post("generate", description="A greeting", language="Python").json()
    assert [file["path"] for file in body["files"]] == ["main.py", "settings.json", "README.md"]
    verdicts = {(gate["name"], gate["path"]): gate["ok"] for gate in body["gates"]}
    assert verdicts["answer", ""] is True
    assert verdicts["parses", "main.py"] is True
    assert verdicts["parses", "settings.json"] is True
    assert verdicts["parses", "README.md"] is None, "nothing parses prose"
    assert_paid_once(body, acme, messages=0, generations=1)
    run = run_of(body, acme)
    assert (run.kind, run.message_id) == ("code", None)
    gates = json.loads(Receipt.objects.get(id=body["receipt"]).body)["gates"]
    assert {gate["name"]: gate["verdict"] for gate in gates} == {
        "answer": "passed", "path": "passed", "size": "passed", "parses": "passed",
    }  # fmt: skip


def test_generated_page_is_one(caller):
    body = caller.post("generate", description="A landing page for a bakery").json()
    assert {file["language"] for file in body["files"]} == {"html", "css", "javascript", "markdown"}
    assert [gate for gate in body["gates"] if gate["ok"] is False] == []


def test_file_that_does_not_parse_is_given_and_says_so(caller, acme):
    files = [
        {"path": "good.py", "language": "python", "content": "x = 1\n"},
        {"path": "bad.py", "language": "python", "content": "def broken(:\n"},
        {"path": "../../etc/cron.d/bad", "language": "text", "content": "x"},
    ]
    body = caller.post("generate", description=f"A greeting\n{said({'files': files})}").json()
    assert [file["content"] for file in body["files"]] == ["x = 1\n", "def broken(:\n", "x"]
    assert [file["path"] for file in body["files"]] == ["good.py", "bad.py", "renamed/3-bad"]
    failed = {(gate["name"], gate["path"]) for gate in body["gates"] if gate["ok"] is False}
    assert failed == {("parses", "bad.py"), ("path", "renamed/3-bad")}
    gates = json.loads(Receipt.objects.get(id=body["receipt"]).body)["gates"]
    assert {gate["name"]: gate["verdict"] for gate in gates}["parses"] == "failed"
    assert_paid_once(body, acme, generations=1)


def test_generation_that_is_cut_off_gives_its_whole_files(caller, acme):
    text = json.dumps(
        {"files": [{"path": f"f{n}.py", "language": "python", "content": "x = 1\n"} for n in (1, 2)]}
    )
    body = caller.post("generate", description=f"A greeting\n/sim text={text[:-20]}").json()
    assert [file["path"] for file in body["files"]] == ["f1.py"]
    assert body["gates"][0] == {
        "name": "answer", "path": "", "ok": False,
        "detail": "The answer is not whole: 1 file could be read of it.",
    }  # fmt: skip
    assert_paid_once(body, acme, generations=1)


def test_generation_in_the_background_is_stopped_and_looked_at(caller, acme):
    begun = caller.post(
        "generate", description="A greeting\n/sim tokens=400 rate=20\n/sim text=x", wait=False
    )
    body = begun.json()
    assert (begun.status_code, body["files"], body["receipt"]) == (202, [], None)
    assert body["state"] in ("queued", "running")
    assert caller.client.post(f"/runs/{body['run']}/stop").status_code == 204
    wait_until(lambda: run_of(body, acme).is_final, "the run did not stop")
    stopped = caller.get(f"runs/{body['run']}/result").json()
    assert (stopped["state"], stopped["problem"]) == ("stopped", None)


def test_generation_beyond_its_limit_is_refused_and_nothing_is_begun(web, worker, committed):
    person = factories.make_user()
    workspace = factories.make_workspace(person)
    factories.give_limits(workspace.id, (Meter.GENERATIONS, Window.MONTH, 1))
    caller = Caller(web, factories.make_key(factories.member_of(workspace, person)))
    assert caller.post("generate", description="A greeting").status_code == 200
    refused = caller.post("generate", description="A greeting")
    body = refused.json()
    assert (refused.status_code, body["code"]) == (402, "quota_exceeded")
    (line,) = body["limits"]
    assert (line["meter"], line["limit"], line["used"]) == ("generations", 1, 1)
    assert caller.post("ask", question="Hello").status_code == 200, "a message is none"
    with enter(workspace):
        assert Run.objects.filter(kind="code").count() == 1


# analyze


CODE = """import os
from json import loads


class Cart:
    def total(self):
        return eval(self.text)


async def main():
    os.system("ls")
"""


def test_analysis_counts_the_structure_and_places_the_risks(caller, acme):
    risks = [
        {
            "path": "cart.py",
            "line": 7,
            "severity": "critical",
            "title": "eval",
            "detail": "Runs it.",
            "advice": "No.",
        },
        {"path": "cart.py", "line": 99, "severity": "low", "title": "Nowhere", "detail": "", "advice": ""},
        {"path": "other.py", "line": 1, "severity": "high", "title": "Elsewhere", "detail": "", "advice": ""},
    ]
    answer = said({"summary": "A cart.", "risks": risks})
    body = caller.post(
        "analyze", files=[{"path": "cart.py", "content": CODE}], question=f"Risks?\n{answer}"
    ).json()
    (file,) = body["structure"]
    assert (file["path"], file["language"], file["lines"], file["parses"]) == ("cart.py", "python", 11, True)
    assert file["functions"] == [{"name": "main", "line": 10, "end_line": 11}]
    assert file["classes"] == [
        {"name": "Cart", "line": 5, "end_line": 7, "methods": [{"name": "total", "line": 6, "end_line": 7}]}
    ]
    assert file["imports"] == ["json", "os"]
    assert body["summary"] == "A cart."
    assert [(risk["title"], risk["line"]) for risk in body["risks"]] == [("eval", 7), ("Nowhere", None)]
    assert {gate["name"]: gate["ok"] for gate in body["gates"]} == {"answer": True, "places": False}
    assert_paid_once(body, acme, messages=1, generations=0)


def test_simulated_analysis_points_at_a_line_that_is_there(caller):
    body = caller.post("analyze", code=CODE).json()
    assert [(risk["path"], risk["line"]) for risk in body["risks"]] == [("code.py", 1)]
    assert [gate["ok"] for gate in body["gates"]] == [True, True]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("chat", {}, 400, "invalid"),
        ("chat", {"message": "  "}, 422, "message_empty"),
        ("chat", {"message": "x", "conversation": "no"}, 400, "invalid"),
        ("ask", {"question": "x" * 100_001}, 422, "message_too_long"),
        ("generate", {"description": ""}, 400, "invalid"),
        ("generate", {"description": "  "}, 422, "nothing_given"),
        ("generate", {"description": "x", "model": "nobody"}, 409, "model_not_offered"),
        ("analyze", {}, 422, "nothing_given"),
        ("analyze", {"code": "x", "files": [{"path": "a", "content": "b"}]}, 400, "invalid"),
        ("analyze", {"files": [{"path": "../a", "content": "b"}]}, 422, "path_refused"),
        ("analyze", {"files": [{"path": "a", "content": "b"}] * 2}, 422, "path_refused"),
        ("analyze", {"code": "x" * 200_001}, 422, "code_too_long"),
    ],
)
@pytest.mark.django_db
def test_refused_call_starts_nothing(acme, owner, path, body, status, code):
    client = factories.with_key(factories.make_key(owner.member))
    response = client.post(f"{API}/{path}", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (status, code)
    with enter(acme):
        assert not Run.objects.exists()
        assert not Document.objects.exists()
