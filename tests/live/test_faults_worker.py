"""The process that speaks with the provider is killed, or freezes for longer than its lease."""

import time
from types import SimpleNamespace

import pytest

from assistants.llm import tokens
from tests.live.books import eventually
from tests.live.provider import overlaps

pytestmark = pytest.mark.crash

LLM_WORKERS = ("worker-llm", "worker-llm-2")
SPEAKING = {"tokens": 1500, "rate": 25}
THINKING = {"tokens": 40, "rate": 15, "fault": "timeout", "times": 1}
"""The first request gets no word; a second one would be answered."""
SHORT = {"tokens": 20, "rate": 0}


@pytest.fixture(scope="module")
def killed(stack, acme, books, provider, faults, note):
    """One kill -9 of all worker-llm processes: answers are being written, are awaited, and 20 more are queued."""
    faults.wait_whole()
    speaking = [acme.ask(f"Speaking {number}.", **SPEAKING) for number in range(3)]
    viewers = {turn.run: acme.watch(turn) for turn in speaking}
    for viewer in viewers.values():
        viewer.wait_for_text(60)
    thinking = [acme.ask(f"Thinking {number}.", **THINKING) for number in range(3)]
    viewers |= {turn.run: acme.watch(turn) for turn in thinking}
    for turn in thinking:
        eventually(lambda turn=turn: provider.requests(turn.key), what="the provider was asked")
    with faults.frozen(*LLM_WORKERS):
        queued = [acme.ask(f"Queued {number}.", **SHORT) for number in range(20)]
        at = time.monotonic()
        faults.kill(*LLM_WORKERS)
    turns = [*speaking, *thinking, *queued]
    took = books.wait_final([turn.run for turn in turns], since=at)
    note(f"kill -9 of worker-llm: {len(turns)} runs final after {took:.1f} s")
    seen = {run: viewer.finish(5) for run, viewer in viewers.items()}
    faults.wait_whole()
    entries = {entry.id: entry for entry in books.close([turn.run for turn in turns])}
    return SimpleNamespace(speaking=speaking, thinking=thinking, queued=queued, seen=seen, entries=entries)


def test_an_answer_cut_off_by_a_kill_is_closed_with_what_was_said(killed, provider):
    for turn in killed.speaking:
        entry, seen = killed.entries[turn.run], killed.seen[turn.run]
        assert (entry.state, entry.error_code) == ("failed", "worker_lost")
        assert seen.done["state"] == "failed"
        assert seen.done["code"] == "worker_lost"
        assert seen.text == entry.text
        assert len(entry.text) >= 60
        (served,) = provider.requests(turn.key)
        assert served["state"] == "aborted", "the provider was asked to go on"


def test_what_was_said_before_the_kill_is_charged_once_as_an_estimate(killed, provider):
    for turn in killed.speaking:
        entry = killed.entries[turn.run]
        assert entry.settlements == 1
        assert entry.is_estimated
        assert entry.charged_tokens == tokens.count(entry.text)
        assert entry.charged_tokens <= provider.requests(turn.key)[0]["output_tokens"]


def test_an_answer_that_had_not_begun_is_started_again(killed, provider):
    for turn in killed.thinking:
        entry, seen = killed.entries[turn.run], killed.seen[turn.run]
        assert entry.state == "done"
        assert entry.attempt > 1
        assert entry.settlements == 1
        assert entry.charged_tokens == 40
        assert seen.text == entry.text
        assert seen.holes == []
        first, *again = provider.requests(turn.key)
        assert (first["state"], first["output_tokens"]) == ("aborted", 0)
        assert [request["state"] for request in again] == ["completed"]
        assert overlaps([first, *again]) == []


def test_queued_answers_survive_the_kill(killed, provider):
    for turn in killed.queued:
        entry = killed.entries[turn.run]
        assert (entry.state, entry.settlements, entry.charged_tokens) == ("done", 1, 20)
        assert len(provider.requests(turn.key)) == 1


@pytest.fixture(scope="module")
def frozen(stack, acme, books, provider, faults, note):
    """A worker freezes past its lease, another takes over, then the first one goes on where it was.

    Meanwhile beat and the sweeping worker are killed too.
    """
    faults.wait_whole()
    with faults.frozen("worker-llm-2"):
        faults.wait_until_frozen_consumer_waits_no_more()
        speaking = [acme.ask(f"Speaking {number}.", **SPEAKING) for number in range(2)]
        viewers = {turn.run: acme.watch(turn) for turn in speaking}
        for viewer in viewers.values():
            viewer.wait_for_text(60)
        thinking = [acme.ask(f"Thinking {number}.", **THINKING) for number in range(2)]
        viewers |= {turn.run: acme.watch(turn) for turn in thinking}
        for turn in thinking:
            eventually(lambda turn=turn: provider.requests(turn.key), what="the provider was asked")
        zombie = stack.pids()["worker-llm"]
        freezer = faults.frozen("worker-llm")
        freezer.__enter__()
    at = time.monotonic()
    try:
        faults.kill("beat", "worker")
        for turn in thinking:
            eventually(lambda turn=turn: len(provider.requests(turn.key)) > 1, what="taken over")
    finally:
        freezer.__exit__(None, None, None)
    turns = [*speaking, *thinking]
    took = books.wait_final([turn.run for turn in turns], since=at)
    note(
        f"worker-llm frozen past its lease, beat and worker killed: {len(turns)} runs final after {took:.1f} s"
    )
    seen = {run: viewer.finish(5) for run, viewer in viewers.items()}
    faults.wait_whole()
    assert stack.pids()["worker-llm"] == zombie, "it was to come back to life, not to be restarted"
    return SimpleNamespace(speaking=speaking, thinking=thinking, seen=seen, turns=turns, zombie=zombie)


def test_a_worker_that_comes_back_after_its_lease_writes_nothing(frozen, acme, books, provider):
    # The zombie is at work again: what it does with this answer, it could have done with the others.
    with_zombie = [acme.ask(f"Afterwards {number}.", **SHORT) for number in range(8)]
    books.wait_final([turn.run for turn in with_zombie])

    entries = {entry.id: entry for entry in books.close([turn.run for turn in frozen.turns])}
    for turn in frozen.thinking:
        entry, requests = entries[turn.run], provider.requests(turn.key)
        assert (entry.state, entry.settlements, entry.charged_tokens) == ("done", 1, 40)
        assert entry.attempt > 1
        assert [request["client_request_id"] for request in requests] == [
            f"{turn.run}-1", f"{turn.run}-{entry.attempt}",
        ]  # fmt: skip
        assert frozen.seen[turn.run].text == entry.text
    for turn in frozen.speaking:
        entry = entries[turn.run]
        assert (entry.state, entry.error_code, entry.settlements) == ("failed", "worker_lost", 1)
        assert frozen.seen[turn.run].text == entry.text
        assert len(provider.requests(turn.key)) == 1


def test_viewers_of_a_taken_over_answer_see_each_word_once(frozen):
    for turn in frozen.turns:
        assert frozen.seen[turn.run].holes == []
