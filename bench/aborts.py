"""200 streams of which 50 clients hang up at random: is everything given back, and does nobody see a foreign frame?

Each stream has its own answer, known beforehand. Closing the tab loses nothing: the answers of those who left must
stand whole in their rows.
"""

import argparse
import asyncio
import random
import time
from dataclasses import dataclass, field

import uvloop

from bench import books, held, report, wire
from bench.held import Held
from bench.target import Target, from_environment
from bench.turns import Asker, Turn, run_turn

RAMP_S = 3.0
FINISH_WITHIN_S = 60.0
SETTLE_S = 6.0
WORDS = 26


@dataclass
class Stream:
    """`leaves_after`: seconds after its start; None for one that stays."""

    turn: Turn
    expected: str
    starts_after: float
    leaves_after: float | None
    has_left: bool = False


@dataclass
class Verdict:
    streams: int = 0
    left: int = 0
    foreign: int = 0
    incomplete: int = 0
    row_wrong: int = 0
    unanswered: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.foreign or self.incomplete or self.row_wrong or self.unanswered)


def plan(options: argparse.Namespace, chance: random.Random, number: int, *, aborts: int) -> list[Stream]:
    leavers = set(chance.sample(range(options.streams), aborts))
    length_s = 4 * WORDS / options.rate
    streams = []
    for at in range(options.streams):
        canary = f"canary{number:02d}{at:04d}"
        text = " ".join([canary] * WORDS)
        question = f"Say it\n/sim rate={options.rate:g} delay_ms=200 echo={text}"
        leaves = chance.uniform(0, length_s) if at in leavers else None
        streams.append(Stream(Turn(question), text, chance.uniform(0, RAMP_S), leaves))
    return streams


async def play(target: Target, streams: list[Stream]) -> None:
    await asyncio.gather(*(_play(target, stream) for stream in streams))
    deadline = time.monotonic() + FINISH_WITHIN_S
    while books.count_unfinished(target) and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
    await asyncio.sleep(SETTLE_S)


async def _play(target: Target, stream: Stream) -> None:
    await asyncio.sleep(stream.starts_after)
    asker = Asker(target.address, target.key)
    connection = await wire.connect(target.address)

    def leave() -> None:
        stream.has_left = True
        connection.close()

    if stream.leaves_after is not None:
        asyncio.get_running_loop().call_later(stream.leaves_after, leave)
    try:
        await run_turn(asker, connection, stream.turn)
    except OSError as error:
        if not stream.has_left:
            stream.turn.error = str(error) or type(error).__name__
    finally:
        connection.close()


def judge(target: Target, streams: list[Stream], verdict: Verdict) -> None:
    rows = books.read(target, [stream.turn.run_id for stream in streams if stream.turn.run_id])
    for stream in streams:
        turn = stream.turn
        turn.digest()
        verdict.streams += 1
        verdict.left += stream.has_left
        if turn.error:
            verdict.errors.append(turn.error)
        if not stream.expected.startswith(turn.seen.text):
            verdict.foreign += 1
        if not stream.has_left and (turn.seen.text != stream.expected or turn.seen.state != "done"):
            verdict.incomplete += 1
        if not turn.run_id:
            verdict.unanswered += not stream.has_left
        elif rows[turn.run_id].text != stream.expected or rows[turn.run_id].settlements != 1:
            verdict.row_wrong += 1


async def _run(target: Target, options: argparse.Namespace) -> tuple[list[tuple[str, Held]], Verdict]:
    chance = random.Random(options.seed)
    moments = [("start", held.count(target))]
    verdict = Verdict()
    for number in range(options.rounds + 1):
        aborts = options.aborts if number else 0
        report.progress(f"round {number}: {options.streams} streams, {aborts} of them leave")
        streams = plan(options, chance, number, aborts=aborts)
        await play(target, streams)
        judge(target, streams, verdict)
        label = f"after round {number} ({aborts} left)" if number else "after a round without aborts"
        moments.append((label, held.count(target)))
    return moments, verdict


def _show(moments: list[tuple[str, Held]], verdict: Verdict) -> None:
    report.table(held.HEADER, [held.row(*moment) for moment in moments], title="What is held")
    report.table(
        ("streams", "left early", "foreign frames", "incomplete", "row wrong", "unanswered"),
        [
            [
                verdict.streams,
                verdict.left,
                verdict.foreign,
                verdict.incomplete,
                verdict.row_wrong,
                verdict.unanswered,
            ]
        ],
        title="What the streams showed",
    )
    for error in sorted(set(verdict.errors)):
        print(f"  {verdict.errors.count(error)} × {error}")


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench aborts", description=__doc__)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--aborts", type=int, default=50, help="clients that leave in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=16, help="tokens per second (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    report.progress(f"seed {options.seed}")
    moments, verdict = uvloop.run(_run(from_environment(), options))
    _show(moments, verdict)
    report.emit(
        "aborts",
        seed=options.seed,
        moments={label: moment.figures() for label, moment in moments},
        streams=verdict.streams,
        left=verdict.left,
        foreign=verdict.foreign,
        incomplete=verdict.incomplete,
        row_wrong=verdict.row_wrong,
        unanswered=verdict.unanswered,
    )
    return 0 if verdict.is_good else 1
