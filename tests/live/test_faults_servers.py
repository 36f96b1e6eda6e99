"""Redis forgets or restarts, PostgreSQL stops at once: answers go on or are closed, and the books close."""

import signal
import threading
import time

import httpx2
import pytest

from assistants.llm import tokens
from tests.live.callers import steer
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.crash

ANSWER = {"tokens": 240, "rate": 40}


def ask_continually(acme, until: threading.Event, accepted: list[str]) -> None:
    """What a caller does who is not told that something is broken. Notes every run that was accepted."""
    with httpx2.Client(base_url=acme.url, headers=acme.headers, timeout=PATIENCE_S) as http:
        while not until.is_set():
            try:
                answer = http.post("/api/v1/conversations", json={"text": steer("Go on.", tokens=10, rate=0)})
            except httpx2.TransportError:
                continue
            if answer.status_code < 300:
                accepted.append(answer.json()["run"])
            until.wait(0.1)


@pytest.mark.parametrize("fault", ["FLUSHALL", "kill -9"])
def test_redis_loses_everything_midway(acme, books, provider, faults, redis_client, note, fault):
    faults.wait_whole()
    turns = [acme.ask(f"Redis {number}.", **ANSWER) for number in range(3)]
    viewers = [acme.watch(turn) for turn in turns]
    for viewer in viewers:
        viewer.wait_for_text(60)
    accepted: list[str] = []
    over = threading.Event()
    caller = threading.Thread(target=ask_continually, args=[acme, over, accepted])
    caller.start()

    if fault == "FLUSHALL":
        redis_client.flushall()
    else:
        faults.kill("redis")
    late = [acme.watch(turn) for turn in turns]

    transcripts = [viewer.finish() for viewer in (*viewers, *late)]
    over.set()
    caller.join(PATIENCE_S)
    took = books.wait_final([turn.run for turn in turns] + accepted, since=time.monotonic())
    note(
        f"{fault} of Redis: {len(accepted)} posts accepted meanwhile, final {took:.1f} s after the last of them"
    )
    entries = {entry.id: entry for entry in books.close([turn.run for turn in turns] + accepted)}
    assert {entry.state for entry in entries.values()} == {"done"}
    for turn, seen in zip(turns * 2, transcripts, strict=True):
        assert seen.text == entries[turn.run].text
        assert entries[turn.run].charged_tokens == 240
        assert len(provider.requests(turn.key)) == 1
    faults.wait_whole()


def test_postgresql_stops_at_once_and_comes_back(acme, books, provider, faults, note):
    faults.wait_whole()
    # One is written during all of it; one ends while the database is away, and is settled when it is back.
    turns = [acme.ask("Long.", **ANSWER), acme.ask("Short.", tokens=60, rate=40)]
    viewers = [acme.watch(turn) for turn in turns]
    for viewer in viewers:
        viewer.wait_for_text(60)
    accepted: list[str] = []
    over = threading.Event()
    callers = [threading.Thread(target=ask_continually, args=[acme, over, accepted]) for _ in range(3)]
    for caller in callers:
        caller.start()

    at = time.monotonic()
    faults.kill("postgres", number=signal.SIGQUIT)

    for viewer in viewers:
        viewer.finish()
    over.set()
    for caller in callers:
        caller.join(PATIENCE_S)
    asked = [turn.run for turn in turns] + accepted
    took = books.wait_final(asked, since=at)
    note(
        f"immediate stop of PostgreSQL: {len(accepted)} posts accepted around it, all final {took:.1f} s after it"
    )
    entries = {entry.id: entry for entry in books.close(asked)}
    for turn, viewer in zip(turns, viewers, strict=True):
        entry = entries[turn.run]
        assert entry.state in ("done", "failed")
        assert entry.settlements == 1
        assert (
            entry.charged_tokens
            <= tokens.count(entry.text)
            <= provider.requests(turn.key)[0]["output_tokens"]
        )
        assert viewer.text == entry.text
    faults.wait_whole()
