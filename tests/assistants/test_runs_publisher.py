"""The worker's side of a stream, against a real Redis."""

import asyncio

import pytest
import redis.asyncio

from assistants.runs import frames
from assistants.runs import publisher as publisher_module
from assistants.runs.frames import EventId
from config import redis as redis_clients
from tests.assistants.streams import (
    entries_of,
    forget,
    make_publisher,
    make_stream,
    on_a_loop,
    put,
    said,
    until,
)


@pytest.fixture(autouse=True)
def quick_retry(monkeypatch):
    monkeypatch.setattr(publisher_module, "RETRY_S", 0.05)


def events(stream) -> list[tuple[str, dict]]:
    return [(event, data) for _, event, data in entries_of(stream)]


# frames, without Redis


def test_text_goes_before_the_events_that_followed_it():
    stream = make_stream()
    stream.parts, stream.length = ["Hel", "lo"], 5
    stream.waiting = ["Hel", "lo", ("tool", {"tool_calls": []})]
    (first_id, first), (second_id, second) = stream.take_frames()
    assert (first_id, second_id) == (EventId(1, 1), EventId(1, 2))
    assert b'"offset":0,"text":"Hello"' in first
    assert b"event: tool" in second
    assert stream.take_frames() == []


def test_restart_is_told_before_the_first_text_of_the_new_attempt():
    """Told after it, viewers would clear what they just got."""
    for needs_snapshot in (False, True):
        stream = make_stream(attempt=2)
        stream.parts, stream.length, stream.needs_snapshot = ["new"], 3, needs_snapshot
        stream.waiting = [("status", {"state": "restarted"}), "new", ("done", {})]
        names = [frames.read(raw)[0] for _, raw in stream.take_frames()]
        assert names == ["status", "snapshot" if needs_snapshot else "delta", "done"]


def test_a_long_stream_says_everything_again_before_redis_drops_its_beginning():
    stream = make_stream()
    names = []
    for number in range(publisher_module.STREAM_LENGTH):
        stream.parts.append("x")
        stream.length = number + 1
        stream.waiting = ["x"]
        names += [frames.read(raw) for _, raw in stream.take_frames()]
    snapshots = [(place, data) for place, (event, data) in enumerate(names) if event == "snapshot"]
    gap = publisher_module.SNAPSHOT_EVERY
    assert [place for place, _ in snapshots] == [gap, 2 * gap]
    assert [len(data["text"]) for _, data in snapshots] == [gap + 1, 2 * gap + 1]
    assert 2 * gap < publisher_module.STREAM_LENGTH


def test_offsets_count_code_points():
    stream = make_stream()
    for part in ("Grüße 👩‍👩‍👧‍👦 ", "東京", "e\u0301"):
        stream.parts.append(part)
        stream.waiting.append(part)
        stream.length += len(part)
        ((_, raw),) = stream.take_frames()
        assert f'"offset":{stream.length - len(part)},'.encode() in raw


def test_snapshot_replaces_what_waits():
    stream = make_stream()
    stream.parts, stream.waiting, stream.length, stream.needs_snapshot = ["a", "b"], ["b"], 2, True
    ((_, raw),) = stream.take_frames()
    assert b'event: snapshot\ndata: {"text":"ab"}' in raw
    stream.parts.append("c")
    stream.waiting.append("c")
    stream.length = 3
    ((_, raw),) = stream.take_frames()
    assert b'"offset":2,"text":"c"' in raw


# against Redis


def test_stream_holds_every_event_in_order_and_expires():
    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        stream = publisher.open(**vars_of(make_stream()))
        for part in ("One ", "two ", "three."):
            publisher.add_text(stream, part)
            await asyncio.sleep(0.05)
        await publisher.finish(stream, {"state": "done"})
        ticking.cancel()
        return stream

    stream = on_a_loop(work)
    found = entries_of(stream)
    assert found[0] == ("1-1", "status", {"state": "running", "attempt": 1})
    assert [entry_id for entry_id, _, _ in found] == [f"1-{n}" for n in range(1, len(found) + 1)]
    assert found[-1][1:] == ("done", {"state": "done"})
    assert said(events(stream)) == "One two three."
    assert 0 < redis_clients.client().ttl(stream.key) <= 600


def vars_of(stream) -> dict:
    return {"workspace_id": stream.workspace_id, "run_id": stream.run_id, "attempt": stream.attempt}


def test_living_stream_expires_later_than_a_finished_one():
    async def work():
        publisher = make_publisher()
        stream = publisher.open(**vars_of(make_stream()))
        await publisher._flush({stream.run_id: stream}, ttl=publisher_module.LIVE_TTL_S)
        return stream

    assert 3000 < redis_clients.client().ttl(on_a_loop(work).key) <= 3600


def test_second_attempt_says_that_it_begins_anew():
    async def work():
        publisher = make_publisher()
        stream = publisher.open(**vars_of(make_stream(attempt=2)))
        await publisher._flush({stream.run_id: stream}, ttl=60)
        return stream

    assert entries_of(on_a_loop(work)) == [("2-1", "status", {"state": "restarted", "attempt": 2})]


def test_tokens_that_come_together_are_one_event_but_the_first_goes_at_once():
    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        stream = publisher.open(**vars_of(make_stream()))
        await until(lambda: entries_of(stream))
        publisher.add_text(stream, "first")
        await until(lambda: said(events(stream)) == "first")
        for number in range(20):
            publisher.add_text(stream, f" {number}")
        await until(lambda: said(events(stream)).endswith(" 19"))
        ticking.cancel()
        return stream

    stream = on_a_loop(work)
    assert [event for event, _ in events(stream)] == ["status", "delta", "delta"]


def test_flushed_stream_begins_anew_with_everything_said():
    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        stream = publisher.open(**vars_of(make_stream()))
        publisher.add_text(stream, "Before the flush. ")
        await until(lambda: said(events(stream)) == "Before the flush. ")
        forget(stream)
        publisher.add_text(stream, "Lost. ")
        await until(lambda: stream.needs_snapshot or entries_of(stream))
        publisher.add_text(stream, "After.")
        await until(lambda: said(events(stream)) == "Before the flush. Lost. After.")
        await publisher.finish(stream, {"state": "done"})
        ticking.cancel()
        return stream

    stream = on_a_loop(work)
    found = events(stream)
    assert found[0][0] == "snapshot"
    assert said(found) == "Before the flush. Lost. After."
    assert found[-1][0] == "done"
    assert redis_clients.client().ttl(stream.key) > 0


def test_tool_calls_of_a_flushed_stream_are_told_whole():
    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        stream = publisher.open(**vars_of(make_stream()))
        publisher.add_tool_calls(
            stream, [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]
        )
        await until(lambda: len(events(stream)) == 2)
        forget(stream)
        publisher.add_tool_calls(stream, [{"index": 0, "function": {"arguments": "}"}}])
        await until(lambda: stream.needs_snapshot or entries_of(stream))
        await publisher.finish(stream, {"state": "done"})
        ticking.cancel()
        return stream

    stream = on_a_loop(work)
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert events(stream)[-3:] == [
        ("snapshot", {"text": ""}),
        ("tool", {"whole": [call]}),
        ("done", {"state": "done"}),
    ]


def test_text_that_redis_did_not_take_is_sent_again_without_waiting_for_more():
    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        stream = publisher.open(**vars_of(make_stream()))
        publisher.add_text(stream, "One. ")
        await until(lambda: said(events(stream)) == "One. ")
        forget(stream)
        publisher.add_text(stream, "Two.")
        await until(lambda: said(events(stream)) == "One. Two.", "the lost text was not sent again")
        ticking.cancel()

    on_a_loop(work)


def test_end_is_told_even_when_the_stream_was_flushed_before_it():
    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        stream = publisher.open(**vars_of(make_stream()))
        publisher.add_text(stream, "All of it.")
        await until(lambda: said(events(stream)) == "All of it.")
        forget(stream)
        await publisher.finish(stream, {"state": "done"})
        await asyncio.sleep(0.2)
        ticking.cancel()
        return stream

    stream = on_a_loop(work)
    assert [event for event, _ in events(stream)][-2:] == ["snapshot", "done"]
    assert said(events(stream)) == "All of it."


def test_worker_whose_attempt_is_over_cannot_append():
    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        zombie = publisher.open(**vars_of(make_stream()))
        publisher.add_text(zombie, "Old. ")
        await until(lambda: said(events(zombie)) == "Old. ")
        put(zombie, "2-1", "status", {"state": "restarted", "attempt": 2})
        before = entries_of(zombie)
        publisher.add_text(zombie, "Ghost.")
        await until(lambda: zombie.is_fenced)
        publisher.add_text(zombie, "Ghost again.")
        await publisher.finish(zombie, {"state": "done"})
        ticking.cancel()
        assert entries_of(zombie) == before

    on_a_loop(work)


def test_same_append_under_a_higher_attempt_is_taken():
    """The control: it is the attempt that refuses, not the stream."""

    async def work():
        publisher = make_publisher()
        first = make_stream()
        put(first, "2-1", "status", {"state": "restarted", "attempt": 2})
        successor = publisher.open(**vars_of(first) | {"attempt": 3})
        publisher.add_text(successor, "New.")
        assert await publisher._flush({successor.run_id: successor}, ttl=60)
        return successor

    assert said(events(on_a_loop(work))) == "New."


def nowhere() -> redis.asyncio.Redis:
    """A client like ours, of a Redis that is away."""
    pool = redis.asyncio.BlockingConnectionPool.from_url("redis://127.0.0.1:9/0", socket_connect_timeout=1)
    return redis.asyncio.Redis(connection_pool=pool)


def test_redis_away_loses_nothing(monkeypatch):
    """A pipeline that fails outright: the next one carries everything."""

    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        stream = publisher.open(**vars_of(make_stream()))
        publisher.add_text(stream, "One. ")
        await until(lambda: said(events(stream)) == "One. ")
        real = publisher._redis
        publisher._redis = nowhere()
        publisher.add_text(stream, "Two. ")
        await until(lambda: stream.needs_snapshot)
        publisher._redis = real
        await until(lambda: said(events(stream)) == "One. Two. ")
        publisher.add_text(stream, "Three.")
        await publisher.finish(stream, {"state": "done"})
        ticking.cancel()
        return stream

    stream = on_a_loop(work)
    assert said(events(stream)) == "One. Two. Three."
    assert events(stream)[-1][0] == "done"


def test_streams_of_many_runs_share_a_pipeline_and_stay_apart():
    async def work():
        publisher = make_publisher()
        ticking = asyncio.ensure_future(publisher.run())
        streams = [publisher.open(**vars_of(make_stream())) for _ in range(20)]
        for number, stream in enumerate(streams):
            publisher.add_text(stream, f"I am {number}.")
        await until(lambda: all(said(events(stream)) for stream in streams))
        ticking.cancel()
        return streams

    assert [said(events(stream)) for stream in on_a_loop(work)] == [f"I am {number}." for number in range(20)]
