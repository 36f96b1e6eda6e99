"""How watching ends: with the row when nobody told the end, and at once when access is over."""

import asyncio
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session

from accounts import revocation
from accounts.permissions import Principal
from assistants.models import Run
from assistants.runs import hub
from assistants.runs.hub import Hub
from config import redis as redis_clients
from tenants.scope import enter
from tests import factories
from tests.assistants.streams import forget, make_stream, on_a_loop, put, until
from tests.assistants.watching import Watcher, end, say, viewer_of, watching
from usage.models import Hold

pytestmark = pytest.mark.usefixtures("committed")


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


def test_viewer_who_leaves_in_doubt_takes_no_other_viewer_along(principal, run, acme, monkeypatch):
    asked = asyncio.Event()
    monkeypatch.setattr(hub, "FIRST_DOUBT_S", 0.05)
    monkeypatch.setattr(hub.Hub, "_doubt", _told_of(hub.Hub._doubt, asked))

    async def work():
        center, stream = Hub(), stream_of(run, acme)
        gone, stays = (Watcher(center, viewer_of(stream, principal)) for _ in range(2))
        await asked.wait()
        gone.task.cancel()
        await until(lambda: stays.heartbeats > 1, "the one who stayed was cancelled too")
        end(stream, "1-1")
        await stays.task
        return gone, stays

    gone, stays = on_a_loop(work)
    assert gone.task.cancelled()
    assert (gone.names, stays.names) == ([], ["done"])


def _told_of(doubt, asked):
    """The doubt of a viewer as it is; the event is set as soon as both viewers wait for its answer."""
    waiting = []

    async def told(center, viewer):
        waiting.append(viewer)
        if len(waiting) == 2:
            asyncio.get_running_loop().call_soon(asked.set)
        return await doubt(center, viewer)

    return told


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


def test_revocation_whose_announcement_was_lost_is_found_by_asking(principal, owner):
    client = owner.browser()
    session_key = client.session.session_key
    member = owner.member
    signed_in = Principal(member.user_id, member.membership_id, session_key=session_key)

    async def work():
        center, stream = Hub(), make_stream()
        mine = Watcher(center, viewer_of(stream, signed_in))
        other = Watcher(center, viewer_of(stream, principal))
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
