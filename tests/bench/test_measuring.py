"""The benchmarks' own judgement: what they would call wrong must be called wrong."""

import asyncio
import json
import random
from datetime import UTC, datetime

import pytest

from bench import report, wire
from bench.books import Books
from bench.crash_limits import is_honoured
from bench.trials import Case, Tally, judge, judge_unasked
from bench.turns import Seen, Turn

EVENTS = (
    b"retry: 1000\n\n"
    b'id: 1-1\nevent: status\ndata: {"state":"running","attempt":1}\n\n'
    b'id: 1-2\nevent: delta\ndata: {"offset":0,"text":"One"}\n\n'
    b": keep-alive\n\n"
    b'id: 1-3\nevent: delta\ndata: {"offset":3,"text":" two"}\n\n'
    b'id: 1-4\nevent: done\ndata: {"state":"done","code":null}\n\n'
)


def seen(raw: bytes) -> Seen:
    found = Seen()
    found.read(raw)
    return found


def test_events_are_put_together_to_the_text_they_carry() -> None:
    found = seen(EVENTS)
    assert (found.text, found.state, found.last_id, found.events, found.faults) == (
        "One two",
        "done",
        "1-4",
        4,
        0,
    )


def test_a_delta_that_does_not_join_the_text_is_a_fault() -> None:
    assert seen(EVENTS.replace(b'"offset":3', b'"offset":4')).faults == 1
    assert seen(EVENTS.replace(b'"offset":3', b'"offset":2')).faults == 1


def test_an_event_cut_off_by_a_broken_connection_waits_for_the_next_one() -> None:
    turn = Turn("Count")
    turn.on_body(EVENTS[:150])
    turn.digest()
    assert (turn.seen.text, turn.seen.last_id) == ("One", "1-2")
    assert turn.first_at > 0


@pytest.mark.parametrize(("share", "value"), [(0.5, 3), (0.95, 5), (1.0, 5), (0.2, 1)])
def test_percentiles_are_nearest_rank(share: float, value: float) -> None:
    assert report.percentile(random.Random(1).sample([1, 2, 3, 4, 5], 5), share) == value


def run_of(**changed: object) -> Books:
    now = datetime.now(UTC)
    row = {"run_id": "r", "state": "done", "text": "One two", "attempt": 1, "created_at": now, "started_at": now,
           "finished_at": now, "hold_state": "settled", "settlements": 1, "charged_tokens": 2, "receipts": 1,
           "attempts": [{"output_tokens": 2, "started_at": 1.0, "ended_at": 2.0}]}  # fmt: skip
    return Books(**{**row, **changed})  # type: ignore[arg-type]


def judged(entry: Books | None, viewer: bytes = EVENTS) -> Tally:
    tally = Tally("worker")
    case = Case(Turn("Count", run_id="r"), "One two", 0)
    case.turn.seen.read(viewer)
    judge(tally, case, entry, killed_at=0.0)
    return tally


def test_a_whole_run_is_good() -> None:
    assert judged(run_of()).is_good


@pytest.mark.parametrize(
    ("entry", "wrong"),
    [
        (None, "lost"),
        (run_of(state="running"), "lost"),
        (run_of(hold_state="held"), "lost"),
        (run_of(settlements=2), "charged_twice"),
        (run_of(receipts=0), "receipts_missing"),
        (run_of(receipts=2), "receipts_double"),
        (run_of(state="failed", text="", settlements=0, charged_tokens=0), "receipts_double"),
        (run_of(state="failed", text=""), "charged_undelivered"),
        (run_of(charged_tokens=3), "overcharged"),
        (run_of(text="One"), "text_wrong"),
        (run_of(state="failed", text="Two"), "text_wrong"),
        (run_of(state="failed", text="One"), "viewer_wrong"),
        (run_of(attempts=[{"output_tokens": 2, "started_at": 1.0, "ended_at": 2.0},
                          {"output_tokens": 2, "started_at": 1.5, "ended_at": 2.5}]), "attempts_overlap"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_counted(entry: Books | None, wrong: str) -> None:
    tally = judged(entry)
    assert getattr(tally, wrong) == 1
    assert not tally.is_good


def test_a_run_whose_post_was_not_answered_is_judged_too() -> None:
    for entry, wrong in ((run_of(hold_state="held"), "lost"), (run_of(settlements=2), "charged_twice")):
        tally = Tally("worker")
        judge_unasked(tally, entry)
        assert getattr(tally, wrong) == 1
    tally = Tally("worker")
    judge_unasked(tally, run_of())
    assert tally.is_good


@pytest.mark.parametrize(
    ("entry", "text", "is_kept"),
    [
        (run_of(), "One two", True),
        (run_of(), None, True),
        (run_of(), "One", False),
        (run_of(settlements=2, receipts=2), "One two", False),
        (run_of(receipts=0), "One two", False),
        (run_of(hold_state="held"), None, False),
        (run_of(state="failed", text="", settlements=0, receipts=0, hold_state="released"), None, True),
        (run_of(state="failed", text="", settlements=0, receipts=0, hold_state="released"), "One two", False),
        (None, None, False),
    ],
)
def test_an_answer_with_2xx_is_kept_only_by_a_run_settled_as_it_was_answered(
    entry: Books | None, text: str | None, is_kept: bool
) -> None:
    assert is_honoured(entry, text) is is_kept


async def _converse() -> list[object]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}', b"HTTP/1.1 200 OK\r\n"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = wire.Address("127.0.0.1", server.sockets[0].getsockname()[1])
    connection = await wire.connect(address)
    first = await connection.exchange(wire.get("/"))
    with pytest.raises(ConnectionError):
        await connection.exchange(wire.get("/"))
    server.close()
    return [first.status, json.loads(first.body), connection.is_open]


def test_a_connection_is_kept_and_its_loss_is_told() -> None:
    assert asyncio.run(_converse()) == [200, {"a": 1}, False]
