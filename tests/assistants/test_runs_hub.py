"""The web's side of a stream, against a real Redis: in order, without a gap, whatever is lost on the way."""

import asyncio
import contextlib
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session

from accounts import revocation
from accounts.permissions import Principal
from assistants.models import Run
from assistants.runs import frames, hub
from assistants.runs.frames import HEARTBEAT, EventId
from assistants.runs.hub import Hub, Viewer
from config import redis as redis_clients
from tenants.scope import enter
from tests import factories
from tests.assistants.streams import forget, make_stream, on_a_loop, put, said, until
from usage.models import Hold

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def quick_clocks(monkeypatch):
    monkeypatch.setattr(hub, "FIRST_DOUBT_S", 0.3)
    monkeypatch.setattr(hub, "HEARTBEAT_S", 0.3)
    monkeypatch.setattr(hub, "GATHER_S", 0.02)
    monkeypatch.setattr(hub, "REVOCATION_CHECK_S", 0.1)


@pytest.fixture
def principal(cast, committed) -> Principal:
    return cast.owner.member.principal


class Watcher:
    """Somebody who watches a run: what arrived, as ids and events, heartbeats apart."""

    def __init__(self, center: Hub, viewer: Viewer, after: str = "0-0", pause: float = 0) -> None:
        self.ids: list[str] = []
        self.events: list[tuple[str, dict]] = []
        self.heartbeats = 0
        self.pause = pause
        self.task = asyncio.ensure_future(self._watch(center, viewer, EventId.parse(after)))

    async def _watch(self, center: Hub, viewer: Viewer, after: EventId) -> None:
        async with contextlib.aclosing(center.watch(viewer, after)) as items:
            async for raw in items:
                if raw is HEARTBEAT:
                    self.heartbeats += 1
                    continue
                self.ids.append(str(frames.read_id(raw)))
                self.events.append(frames.read(raw))
                if self.pause:
                    await asyncio.sleep(self.pause)

    @property
    def names(self) -> list[str]:
        return [event for event, _ in self.events]

    @property
    def text(self) -> str:
        return said(self.events)


def viewer_of(stream, principal) -> Viewer:
    return Viewer(stream.workspace_id, stream.run_id, principal)


def say(stream, number: int, text: str = "", **options) -> None:
    """The delta `1-<number>`: the text so far is as long as the numbers before it."""
    text = text or str(number % 10)
    put(stream, f"1-{number}", "delta", {"offset": number - 1, "text": text}, **options)


def end(stream, event_id: str, **options) -> None:
    put(stream, event_id, "done", {"state": "done"}, **options)


def subscribers(stream) -> int:
    return dict(redis_clients.client().pubsub_numsub(stream.channel))[stream.channel.encode()]


async def watching(stream) -> None:
    await until(lambda: subscribers(stream) > 0, "nobody subscribed")


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
        watcher = Watcher(Hub(), viewer_of(stream, principal))
        await watching(stream)
        say(stream, 1)
        await until(lambda: watcher.ids == ["1-1"])
        redis_clients.client().client_kill_filter(_type="pubsub")
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


# the end, from the row


@pytest.fixture
def run(committed, acme, owner) -> Run:
    with enter(acme):
        return factories.ask(owner.member).run


def stream_of(run, workspace):
    return make_stream(workspace_id=workspace.id, run_id=run.id)


def test_end_that_nobody_told_is_read_from_the_row(principal, run, acme):
    with enter(acme):
        factories.answer(run, "The whole answer.")

    async def work():
        watcher = Watcher(Hub(), viewer_of(stream_of(run, acme), principal))
        await watcher.task
        return watcher

    watcher = on_a_loop(work)
    assert watcher.names == ["snapshot", "done"]
    assert watcher.text == "The whole answer."
    assert watcher.events[-1][1]["state"] == "done"


def test_stream_flushed_while_it_was_watched_ends_with_the_row(principal, run, acme):
    async def work():
        stream = stream_of(run, acme)
        watcher = Watcher(Hub(), viewer_of(stream, principal))
        await watching(stream)
        put(stream, "1-1", "delta", {"offset": 0, "text": "The wh"})
        await until(lambda: watcher.text == "The wh")
        forget(stream)
        await asyncio.to_thread(finish)
        await watcher.task
        return watcher

    def finish():
        from django.db import connection

        with enter(acme):
            factories.answer(run, "The whole answer.")
        connection.close()

    watcher = on_a_loop(work)
    assert (watcher.text, watcher.names[-1]) == ("The whole answer.", "done")


def test_run_that_still_runs_in_silence_gets_heartbeats_and_no_end(principal, run, acme):
    async def work():
        watcher = Watcher(Hub(), viewer_of(stream_of(run, acme), principal))
        await until(lambda: watcher.heartbeats >= 2)
        assert watcher.events == []
        assert not watcher.task.done()

    on_a_loop(work)


def test_doubts_of_many_viewers_are_asked_in_one_query(principal, monkeypatch):
    asked = []
    monkeypatch.setattr(hub.holds_queries, "list_ended", lambda ids: asked.append(len(ids)) or set())

    async def work():
        center = Hub()
        watchers = [Watcher(center, viewer_of(make_stream(), principal)) for _ in range(30)]
        await until(lambda: all(watcher.heartbeats for watcher in watchers))

    on_a_loop(work)
    assert sum(asked) >= 30
    assert len(asked) <= 6


def test_failed_run_tells_why(principal, run, acme):
    with enter(acme):
        factories.answer(run, "", state="failed", error_code="provider_busy", finish_reason="")

    async def work():
        watcher = Watcher(Hub(), viewer_of(stream_of(run, acme), principal))
        await watcher.task
        return watcher

    event, data = on_a_loop(work).events[-1]
    assert (event, data["state"], data["code"]) == ("done", "failed", "provider_busy")
    assert "asked us to wait" in data["message"]


# whose access ended


def test_announced_revocation_closes_the_stream_at_once_without_an_end(principal, monkeypatch):
    monkeypatch.setattr(hub, "REVOCATION_CHECK_S", 60)

    async def work():
        center, stream = Hub(), make_stream()
        mine = Watcher(center, viewer_of(stream, principal))
        colleague = Watcher(center, viewer_of(stream, Principal(uuid4(), uuid4())))
        await watching(stream)
        say(stream, 1)
        await until(lambda: mine.ids and colleague.ids)
        revocation._announce("membership", str(principal.membership_id))
        await asyncio.wait_for(mine.task, 1)
        say(stream, 2)
        await until(lambda: colleague.ids == ["1-1", "1-2"])
        assert mine.ids == ["1-1"]
        assert "done" not in mine.names

    on_a_loop(work)


def test_revocation_whose_announcement_was_lost_is_found_by_asking(committed, owner):
    client = owner.browser()
    session_key = client.session.session_key
    member = owner.member
    principal = Principal(member.user_id, member.membership_id, session_key=session_key)
    standing = member.principal

    async def work():
        center, stream = Hub(), make_stream()
        mine = Watcher(center, viewer_of(stream, principal))
        other = Watcher(center, viewer_of(stream, standing))
        await watching(stream)
        await asyncio.sleep(0.3)
        assert not mine.task.done()
        await asyncio.to_thread(sign_out)
        await asyncio.wait_for(mine.task, 2)
        await asyncio.sleep(0.3)
        assert not other.task.done()

    def sign_out():
        from django.db import connection

        Session.objects.filter(session_key=session_key).delete()
        connection.close()

    on_a_loop(work)


def test_malformed_announcement_does_not_end_the_listening(principal):
    async def work():
        stream = make_stream()
        watcher = Watcher(Hub(), viewer_of(stream, principal))
        await watching(stream)
        redis_clients.client().publish(revocation.CHANNEL, "not json")
        redis_clients.client().publish(revocation.CHANNEL, "[]")
        await asyncio.sleep(0.1)
        say(stream, 1)
        end(stream, "1-2")
        await watcher.task
        return watcher

    assert on_a_loop(work).text == "1"


def test_watching_holds_no_database_connection(principal):
    from django.db import connection

    async def work():
        center = Hub()
        watchers = [Watcher(center, viewer_of(make_stream(), principal)) for _ in range(30)]
        await until(lambda: all(watcher.heartbeats for watcher in watchers))

    def held() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
            )
            return cursor.fetchone()[0]

    on_a_loop(work)
    assert held() == 1, "only the one that asks"
    assert connection.connection is not None
    pool = connection.pool
    stats = pool.get_stats()
    assert stats["pool_size"] - stats["pool_available"] == 1


def test_read_end_of_a_run_that_is_gone_is_nothing(committed, acme):
    assert hub.read_end(acme.id, uuid4()) == []
    assert hub.read_end(uuid4(), uuid4()) == []
    assert not Hold.objects.filter(id=uuid4()).exists()


def test_a_stream_that_lost_its_beginning_is_begun_at_its_last_snapshot(principal):
    stream = make_stream()
    put(stream, "1-5", "delta", {"offset": 3, "text": "lost"})
    put(stream, "1-6", "snapshot", {"text": "old"})
    put(stream, "1-7", "delta", {"offset": 3, "text": "er"})
    put(stream, "1-8", "snapshot", {"text": "everything"})
    put(stream, "1-9", "delta", {"offset": 10, "text": "!"})
    end(stream, "1-10")

    async def work() -> Watcher:
        late = Watcher(Hub(), viewer_of(stream, principal))
        await until(late.task.done)
        return late

    late = on_a_loop(work)
    assert late.ids == ["1-8", "1-9", "1-10"]
    assert late.text == "everything!"
