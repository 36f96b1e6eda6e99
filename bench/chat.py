"""N1: how long a person waits for the first token beyond what the provider itself takes.

Streams run in a closed loop: each asks, follows the answer to its end, and asks again. Their starts are spread over
the length of one answer.
"""

import argparse
import asyncio
import math
import time
from dataclasses import dataclass, field

import uvloop

from bench import books, processes, report, wire
from bench.books import Books
from bench.processes import Snapshot
from bench.target import Target, from_environment
from bench.turns import Asker, Turn, run_turn

WARM_UP_TURNS = 16
GOALS = {20: (35, 50), 100: (40, 120), 500: (600, 1800)}


@dataclass(frozen=True)
class Load:
    streams: int
    turns: int
    tokens: int
    rate: float
    delay_ms: int

    @property
    def answer_s(self) -> float:
        return self.delay_ms / 1000 + self.tokens / self.rate

    def question(self, number: int) -> str:
        return f"Question {number:05d}\n/sim tokens={self.tokens} rate={self.rate:g} delay_ms={self.delay_ms}"


@dataclass
class Level:
    """What one number of streams gave. Seconds; one entry per turn that is whole."""

    load: Load
    wall_s: float = 0.0
    before: Snapshot = field(default_factory=dict)
    after: Snapshot = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    from_commit: list[float] = field(default_factory=list)
    from_post: list[float] = field(default_factory=list)
    from_answer: list[float] = field(default_factory=list)
    post: list[float] = field(default_factory=list)
    pickup: list[float] = field(default_factory=list)
    inexact: int = 0
    failed: int = 0

    @property
    def events(self) -> int:
        return sum(turn.seen.events for turn in self.turns)

    @property
    def most_at_once(self) -> int:
        edges = [(turn.sent_at, 1) for turn in self.turns] + [(turn.done_at, -1) for turn in self.turns]
        now = most = 0
        for _, step in sorted(edges):
            now += step
            most = max(most, now)
        return most


async def measure(target: Target, load: Load) -> Level:
    level = Level(load)
    await books.reset_provider(target)
    level.before = processes.take(target)
    started = time.monotonic()
    watcher = asyncio.ensure_future(_tell(level, started))
    await asyncio.gather(*(_loop(target, level, slot) for slot in range(load.streams)))
    level.wall_s = time.monotonic() - started
    watcher.cancel()
    level.after = processes.take(target)
    await _check(target, level)
    return level


async def _tell(level: Level, started: float) -> None:
    while True:
        await asyncio.sleep(10)
        done = sum(bool(turn.done_at) for turn in level.turns)
        total = level.load.streams * level.load.turns
        report.progress(
            f"{level.load.streams} streams: {done} of {total} turns, {time.monotonic() - started:.0f} s"
        )


async def _loop(target: Target, level: Level, slot: int) -> None:
    load = level.load
    asker = Asker(target.address, target.key)
    await asyncio.sleep(slot * load.answer_s / load.streams)
    connection = await wire.connect(target.address)
    for number in range(load.turns):
        turn = Turn(load.question(slot * load.turns + number))
        level.turns.append(turn)
        try:
            if not connection.is_open:
                connection = await wire.connect(target.address)
            await run_turn(asker, connection, turn)
        except OSError as error:
            turn.error = str(error) or type(error).__name__
            turn.done_at = time.time()
    connection.close()


async def _check(target: Target, level: Level) -> None:
    for turn in level.turns:
        turn.digest()
    found = books.read(target, [turn.run_id for turn in level.turns if turn.run_id])
    await books.add_provider_records(target, found)
    for turn in level.turns:
        entry = found.get(turn.run_id)
        if entry is None or turn.error or turn.seen.state != "done":
            level.failed += 1
        elif not _is_exact(turn, entry):
            level.inexact += 1
        else:
            _add(level, turn, entry)


def _is_exact(turn: Turn, entry: Books) -> bool:
    same = turn.seen.text == entry.text and not turn.seen.faults
    return same and entry.is_what_the_provider_said() and entry.settlements == 1


def _add(level: Level, turn: Turn, entry: Books) -> None:
    provider_s = entry.provider_s() or 0.0
    created_at = entry.created_at.timestamp()
    level.from_commit.append(turn.first_at - created_at - provider_s)
    level.from_post.append(turn.first_at - turn.sent_at - provider_s)
    level.from_answer.append(turn.first_at - turn.answered_at - provider_s)
    level.post.append(turn.answered_at - turn.sent_at)
    level.pickup.append(entry.attempts[-1]["started_at"] - created_at)


HEADER = (
    "streams",
    "at once",
    "turns",
    "p50 ms",
    "p95 ms",
    "goal",
    "from POST p50",
    "p95",
    "from 201 p50",
    "p95",
    "POST p50",
    "to provider p50",
    "events/s",
    "inexact",
    "failed",
)


def _row(level: Level) -> list[object]:
    goal = GOALS.get(level.load.streams)
    pairs = (level.from_commit, level.from_post, level.from_answer)
    times = [[_ms(values, 0.5), _ms(values, 0.95)] for values in pairs]
    return [
        level.load.streams,
        level.most_at_once,
        len(level.turns),
        *times[0],
        f"{goal[0]}/{goal[1]}" if goal else "-",
        *times[1],
        *times[2],
        _ms(level.post, 0.5),
        _ms(level.pickup, 0.5),
        level.events / level.wall_s,
        level.inexact,
        level.failed,
    ]


def _ms(values: list[float], share: float) -> float:
    return report.milliseconds(report.percentile(values, share))


def _figures(level: Level) -> dict[str, object]:
    return {
        "streams": level.load.streams,
        "at_once": level.most_at_once,
        "turns": len(level.turns),
        "added_ms": {"p50": _ms(level.from_commit, 0.5), "p95": _ms(level.from_commit, 0.95)},
        "added_from_post_ms": {"p50": _ms(level.from_post, 0.5), "p95": _ms(level.from_post, 0.95)},
        "added_from_answer_ms": {"p50": _ms(level.from_answer, 0.5), "p95": _ms(level.from_answer, 0.95)},
        "post_ms_p50": _ms(level.post, 0.5),
        "events_per_s": level.events / level.wall_s,
        "inexact": level.inexact,
        "failed": level.failed,
        "wall_s": level.wall_s,
        "processes": processes.figures(level.before, level.after),
    }


def _show(levels: list[Level]) -> None:
    report.table(HEADER, [_row(level) for level in levels], title="First token, added by the product")
    for share in (0.5, 0.95):
        bars = [(f"{level.load.streams} streams", _ms(level.from_commit, share)) for level in levels]
        report.chart(f"Added before the first token, p{share * 100:.0f}", bars, unit="ms")
    for level in levels:
        rows = processes.rows(level.before, level.after, level.wall_s)
        title = f"{level.load.streams} streams, {level.wall_s:.0f} s, {processes.cores()} cores"
        report.table(processes.HEADER, rows, title=title)


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench chat", description=__doc__)
    parser.add_argument("--streams", default="1,20,100", help="numbers of streams (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each stream (default: %(default)s)")
    parser.add_argument("--least", type=int, default=30, help="turns of a level at least")
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--rate", type=float, default=16, help="tokens per second (default: %(default)s)")
    parser.add_argument("--delay-ms", type=int, default=200, help="the provider's time to the first token")
    return parser.parse_args(arguments)


async def _run(target: Target, options: argparse.Namespace) -> list[Level]:
    warm_up = Load(WARM_UP_TURNS, 1, 5, 50, 100)
    await measure(target, warm_up)
    levels = []
    for streams in map(int, options.streams.split(",")):
        turns = max(options.turns, math.ceil(options.least / streams))
        load = Load(streams, turns, options.tokens, options.rate, options.delay_ms)
        report.progress(f"{streams} streams, {turns} turns each, about {(turns + 1) * load.answer_s:.0f} s")
        levels.append(await measure(target, load))
    return levels


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    levels = uvloop.run(_run(from_environment(), options))
    _show(levels)
    report.emit("chat", levels=[_figures(level) for level in levels])
    return 1 if any(level.inexact or level.failed for level in levels) else 0
