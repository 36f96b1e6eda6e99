"""The process that numbers receipts is killed between a settlement's commit and its number."""

import json

import pytest

from tests.live.books import eventually
from usage.receipts import verify

pytestmark = pytest.mark.crash

SHORT = {"tokens": 20, "rate": 0}


def kill_and_wait(faults, *names: str) -> None:
    """Until others run in their place."""
    before = faults.stack.pids()
    faults.kill(*names)

    def are_others() -> bool:
        now = faults.stack.pids()
        return all(now.get(name, before[name]) != before[name] for name in names)

    eventually(are_others, what="the killed processes were started again")
    faults.wait_whole()


def receipts(acme) -> dict[str, dict]:
    """run → line of the list."""
    answer = acme.http.get("/api/v1/receipts?limit=200")
    assert answer.status_code == 200, answer.text
    return {row["run"]: row for row in answer.json()["results"]}


def test_receipts_are_numbered_although_the_worker_died_with_the_wake_up(acme, books, faults, redis_client):
    faults.wait_whole()
    with faults.frozen("worker", "beat"):
        turns = [acme.ask(f"Receipt {number}.", **SHORT) for number in range(8)]
        runs = [turn.run for turn in turns]
        books.wait_final(runs)
        settled = receipts(acme)
        assert {settled[run]["state"] for run in runs} == {"pending"}
        redis_client.delete("default")  # what waited for the worker dies with it
        faults.kill("worker")
    faults.wait_whole()

    def are_numbered() -> bool:
        found = receipts(acme)
        return all(found[run]["state"] == "numbered" for run in runs)

    eventually(are_numbered, what="the receipts have numbers")
    numbers = sorted(receipts(acme)[run]["leaf_index"] for run in runs)
    assert len(set(numbers)) == 8
    for row in (receipts(acme)[run] for run in runs):
        document = acme.http.get(f"/api/v1/receipts/{row['id']}")
        assert not verify.verify([document.text], verify.Report()).problems
        assert len(document.json()["receipt"]["texts"]["prompt"]) == 64, "the worker noted what it sent"


def test_after_kills_every_settlement_has_its_receipt_and_the_log_is_intact(acme, books, faults):
    """Writers of ends and the numbering are killed while answers are written."""
    faults.wait_whole()
    turns = []
    for round_number in range(3):
        turns += [acme.ask(f"Round {round_number}, {number}.", tokens=60, rate=60) for number in range(6)]
        kill_and_wait(faults, "worker-llm", "worker")
    books.wait_final([turn.run for turn in turns])

    def closes() -> bool:
        verdicts = acme.http.get("/api/v1/tecp/verify").json()
        return (
            verdicts["pending"] == 0 and verdicts["integrity"]["holds"] and verdicts["completeness"]["holds"]
        )

    eventually(closes, what="integrity and completeness hold, nothing waits")
    lines = acme.http.get("/api/v1/receipts/log/export").text.splitlines(keepends=True)
    assert not verify.verify(lines, verify.Report()).problems
    indexes = [json.loads(line)["index"] for line in lines[1:]]
    assert indexes == list(range(len(indexes)))
