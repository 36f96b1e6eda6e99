"""Viewers who leave without a word take nothing with them, and nobody gets a frame of somebody else's answer."""

import random
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import redis

from tests.live.books import eventually

STREAMS = 16
LEAVERS = 6
ROUNDS = 3


@pytest.fixture
def levels(books, redis_client):
    """What the product holds open: connections to PostgreSQL and to Redis, and channels that the hubs listen on."""

    def read() -> dict[str, int]:
        held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'steward' AND state <> 'idle'"
        return {
            "busy database connections": books.scalar(held),
            "watched runs": len(redis_client.pubsub_channels("live:*")),
        }

    return read


def connections(books, redis_client: redis.Redis) -> dict[str, int]:
    """Pools keep connections, up to what they once needed at the same time."""
    steward = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'steward'"
    return {
        "database": books.scalar(steward),
        "redis": int(redis_client.info("clients")["connected_clients"]),
    }


def test_aborted_viewers_leave_nothing_behind(acme, books, redis_client, levels, note):
    """Pools grow to what was needed at one time; a leak would grow in every round, by one per leaver at least."""
    before, totals = levels(), []
    for _ in range(ROUNDS):
        canaries = watch_and_leave(acme)
        # At most: what was busy at the beginning for a moment need not be busy again.
        eventually(
            lambda: all(count <= before[name] for name, count in levels().items()),
            what=f"back to {before}",
        )
        check_canaries(books, canaries)
        totals.append(connections(books, redis_client))
    note(f"{STREAMS} streams, {LEAVERS} aborted, {ROUNDS} rounds: connections afterwards {totals}")
    for name in totals[0]:
        assert totals[-1][name] - totals[-2][name] < LEAVERS


def check_canaries(books, canaries) -> None:
    for viewer, canary in canaries.values():
        assert canary.startswith(viewer.text[: len(canary)]), "a frame of another answer"
        assert set(viewer.text.split()[:-1]) <= {canary}, "a frame of another answer"
    books.wait_final(canaries)
    for entry in books.close(canaries):
        _, canary = canaries[entry.id]
        assert entry.state == "done"
        assert set(entry.text.split()) == {canary}, "an answer of its own, whole, whoever watched"


def watch_and_leave(acme):
    """Run id → (viewer, the one word its answer consists of)."""
    chance = random.Random(7)

    def start(_: int):
        canary = f"canary-{uuid4().hex}"
        turn = acme.ask("Canary.", rate=80, exact=" ".join([canary] * 5))
        return turn, acme.watch(turn, comes_back=False), canary

    with ThreadPoolExecutor(10) as pool:
        started = list(pool.map(start, range(STREAMS)))
    leavers = chance.sample(started, LEAVERS)
    for _, viewer, _ in leavers:
        viewer.wait_for_text(chance.randint(1, 60))
        viewer.leave()
    for turn, viewer, _ in started:
        viewer.join(30)
        assert (viewer.known.done is None) <= any(viewer is leaver for _, leaver, _ in leavers), turn.run
    return {turn.run: (viewer, canary) for turn, viewer, canary in started}
