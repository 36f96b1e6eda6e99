"""The web's side of a stream, against a real Redis: in order, without a gap, whatever is lost on the way."""

import asyncio
import sys

import pytest

from assistants.runs import hub
from assistants.runs.hub import Hub
from tests.assistants.streams import make_stream, on_a_loop, put, until
from tests.assistants.watching import Watcher, cut_subscription, end, say, subscribers, viewer_of, watching

pytestmark = pytest.mark.usefixtures("committed")


def test_viewer_gets_what_was_said_and_then_what_is_said(principal):
    async def work():
        stream = make_stream()
        for number in (1, 2, 3):
            say(stream, number)
        watcher = Watcher(Hub(), viewer_of(stream, principal))
        await until(lambda: len(watcher.ids) == 3)
        for number in (4, 5):
            say(stream, number)
        end(stream, "1-6")
        await watcher.task
        return watcher

    watcher = on_a_loop(work)
    assert watcher.ids == [f"1-{n}" for n in range(1, 7)]
    assert (watcher.text, watcher.names[-1]) == ("12345", "done")


@pytest.mark.parametrize(
    ("after", "first"), [("1-3", "1-4"), ("0-0", "1-1"), ("nonsense", "1-1"), ("1-5", "1-6")]
)
def test_resumed_viewer_gets_only_what_it_does_not_have(principal, after, first):
    async def work():
        stream = make_stream()
        for number in range(1, 6):
            say(stream, number)
        end(stream, "1-6")
        watcher = Watcher(Hub(), viewer_of(stream, principal), after)
        await watcher.task
        return watcher

    ids = on_a_loop(work).ids
    assert (ids[0], ids[-1]) == (first, "1-6")
    assert ids == [f"1-{n}" for n in range(int(first[2:]), 7)]


def test_two_viewers_get_the_same_and_other_runs_stay_apart(principal):
    async def work():
        center, mine, other = Hub(), make_stream(), make_stream()
        first, second = (Watcher(center, viewer_of(mine, principal)) for _ in range(2))
        third = Watcher(center, viewer_of(other, principal))
        await watching(mine)
        await watching(other)
        for number in range(1, 30):
            say(mine, number)
            say(other, number, "x")
        end(mine, "1-30")
        end(other, "1-30")
        await asyncio.gather(first.task, second.task, third.task)
        assert first.events == second.events
        assert set(third.text) == {"x"}
        assert "x" not in first.text

    on_a_loop(work)


def test_same_run_id_of_another_workspace_is_another_stream(principal):
    async def work():
        mine = make_stream()
        foreign = make_stream(run_id=mine.run_id)
        watcher = Watcher(Hub(), viewer_of(mine, principal))
        await watching(mine)
        say(foreign, 1, "S")
        say(mine, 1)
        end(mine, "1-2")
        await watcher.task
        return watcher

    assert on_a_loop(work).text == "1"


def test_frame_that_was_published_but_lost_is_filled_from_the_stream(principal):
    async def work():
        stream = make_stream()
        watcher = Watcher(Hub(), viewer_of(stream, principal))
        await watching(stream)
        say(stream, 1)
        await until(lambda: watcher.ids == ["1-1"])
        say(stream, 2, publish=False)
        say(stream, 3, publish=False)
        say(stream, 4)
        end(stream, "1-5")
        await watcher.task
        return watcher

    watcher = on_a_loop(work)
    assert watcher.ids == [f"1-{n}" for n in range(1, 6)]
    assert watcher.text == "1234"


def test_frame_that_comes_twice_is_shown_once(principal):
    async def work():
        stream = make_stream()
        watcher = Watcher(Hub(), viewer_of(stream, principal))
        await watching(stream)
        say(stream, 1)
        say(stream, 2)
        say(stream, 1, keep=False)
        say(stream, 2, keep=False)
        end(stream, "1-3")
        await watcher.task
        return watcher

    assert on_a_loop(work).ids == ["1-1", "1-2", "1-3"]


def test_slow_reader_whose_queue_overflowed_still_gets_everything_in_order(principal):
    async def work():
        stream = make_stream()
        viewer = viewer_of(stream, principal)
        viewer.queue = asyncio.Queue(5)
        watcher = Watcher(Hub(), viewer, pause=0.01)
        await watching(stream)
        for number in range(1, 61):
            say(stream, number)
            if number == 40:
                await until(lambda: viewer.overflowed)
            await asyncio.sleep(0)
        end(stream, "1-61")
        await watcher.task
        return watcher

    watcher = on_a_loop(work)
    assert watcher.ids == [f"1-{n}" for n in range(1, 62)]


def test_new_attempt_takes_over_and_the_old_one_is_not_heard(principal):
    async def work():
        stream = make_stream()
        watcher = Watcher(Hub(), viewer_of(stream, principal))
        await watching(stream)
        say(stream, 1, "o")
        put(stream, "2-1", "status", {"state": "restarted", "attempt": 2})
        put(stream, "2-2", "delta", {"offset": 0, "text": "new"})
        await until(lambda: len(watcher.ids) == 3)
        say(stream, 2, "o", keep=False)
        end(stream, "1-3", keep=False)
        end(stream, "2-3")
        await watcher.task
        return watcher

    watcher = on_a_loop(work)
    assert watcher.ids == ["1-1", "2-1", "2-2", "2-3"]
    assert watcher.text == "new"


def test_broken_subscription_is_made_again_and_nothing_is_missed(principal):
    async def work():
        stream = make_stream()
        center = Hub()
        watcher = Watcher(center, viewer_of(stream, principal))
        await watching(stream)
        say(stream, 1)
        await until(lambda: watcher.ids == ["1-1"])
        cut_subscription(center)
        for number in (2, 3):
            say(stream, number)
        await until(lambda: len(watcher.ids) == 3)
        await watching(stream)
        say(stream, 4)
        end(stream, "1-5")
        await watcher.task
        return watcher

    assert on_a_loop(work).text == "1234"


def test_last_viewer_who_leaves_ends_the_subscription(principal):
    async def work():
        center, stream = Hub(), make_stream()
        watchers = [Watcher(center, viewer_of(stream, principal)) for _ in range(2)]
        await watching(stream)
        assert center.open_count == 2
        watchers[0].task.cancel()
        await until(lambda: center.open_count == 1)
        assert subscribers(stream) == 1
        watchers[1].task.cancel()
        await until(lambda: center.open_count == 0 and subscribers(stream) == 0)

    on_a_loop(work)


STEPS = 60
"""More than it takes from coming to waiting, in steps of the loop."""


async def _leave_after(steps: int, principal) -> bool:
    """Whether a viewer who leaves in that moment is gone at once."""
    stream = make_stream()
    watcher = Watcher(Hub(), viewer_of(stream, principal))
    for _ in range(steps):
        await asyncio.sleep(0)
    watcher.task.cancel()
    await asyncio.wait({watcher.task}, timeout=0.2)
    return watcher.task.done()


def test_viewer_who_leaves_in_any_moment_is_gone(principal):
    async def work():
        return [await _leave_after(steps, principal) for steps in range(STEPS)]

    assert all(on_a_loop(work))


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="asyncio.wait_for loses no cancellation any more")
def test_control_commands_that_a_viewer_takes_along_keep_it(principal, monkeypatch):
    async def along(work):
        return await work

    monkeypatch.setattr(hub, "_apart", along)

    async def work():
        return [await _leave_after(steps, principal) for steps in range(10)]

    assert not all(on_a_loop(work))


def test_viewer_who_returns_at_once_is_not_left_deaf(principal):
    """Leaving unsubscribes in the background: it must not end the subscription of who came back meanwhile."""

    async def work():
        center, stream = Hub(), make_stream()
        for _ in range(20):
            gone = Watcher(center, viewer_of(stream, principal))
            await asyncio.sleep(0)
            gone.task.cancel()
        watcher = Watcher(center, viewer_of(stream, principal))
        await asyncio.sleep(0.1)
        say(stream, 1)
        await until(lambda: watcher.ids == ["1-1"], "the one who came back heard nothing")
        end(stream, "1-2")
        await watcher.task

    on_a_loop(work)
