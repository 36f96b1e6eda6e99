"""The processes that carry streams and wake workers are killed while answers are written: nobody's text has a gap."""

import time

import pytest

from tests.live.books import eventually
from tests.live.callers import Turn

pytestmark = pytest.mark.crash

TOKENS = 160
ANSWER = {"tokens": TOKENS, "rate": 40}


def assert_exact(viewers, books, turn: Turn):
    transcripts = [viewer.finish() for viewer in viewers]
    (entry,) = books.close([turn.run])
    assert entry.state == "done"
    assert (entry.attempt, entry.settlements, entry.charged_tokens) == (1, 1, TOKENS)
    for seen in transcripts:
        assert seen.text == entry.text
        assert seen.holes == []
    return transcripts


@pytest.mark.parametrize("victim", ["its workers", "gunicorn itself"])
def test_a_killed_web_process_costs_a_viewer_nothing(acme, books, faults, note, victim):
    faults.wait_whole()
    turn = acme.ask("Web.", **ANSWER)
    viewers = [acme.watch(turn) for _ in range(4)]
    for viewer in viewers:
        viewer.wait_for_text(60)

    at = time.monotonic()
    if victim == "its workers":
        faults.kill_workers_of("web")
    else:
        faults.kill("web")

    eventually(
        lambda: all(viewer.statuses.count(200) > 1 for viewer in viewers),
        what="all are back",
    )
    note(f"kill -9 of web ({victim}): viewers were back after {time.monotonic() - at:.1f} s")
    assert_exact(viewers, books, turn)
    faults.wait_whole()


def test_killing_beat_and_worker_does_not_touch_an_answer(acme, books, faults):
    faults.wait_whole()
    turn = acme.ask("Beat.", **ANSWER)
    viewer = acme.watch(turn)
    viewer.wait_for_text(60)

    faults.kill("beat", "worker")

    assert_exact([viewer], books, turn)
    assert len(viewer.statuses) == 1
    faults.wait_whole()
