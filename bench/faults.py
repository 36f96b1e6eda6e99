"""N9: kill -9 of each kind of process at random points of streams. Lost runs, double charges, time to a final state.

PostgreSQL gets SIGQUIT, its own signal for a crash. Kinds take turns, so that no process looks like one that crashes
in a loop, which the supervisor would start again later and later.
"""

import argparse
import asyncio
import random
import signal
from pathlib import Path

import uvloop

from bench import report
from bench.target import Target, from_environment
from bench.trials import Tally, perform
from bench.victims import Process, Supervisor, Victim, WebWorker, wait_ready

KINDS = ("web worker", "web master", "worker-llm", "worker", "beat", "redis", "postgres", "supervisor")
NAMES = {"web master": "web"}
MOST_NOTES = 40


def _victim(target: Target, kind: str) -> Victim:
    if kind == "web worker":
        return WebWorker(target)
    if kind == "supervisor":
        return Supervisor(target, Path(target.state_file).parent.with_name("bench-supervised"))
    blow = signal.SIGQUIT if kind == "postgres" else signal.SIGKILL
    return Process(target, kind, NAMES.get(kind, kind), blow)


async def _run(target: Target, options: argparse.Namespace) -> list[Tally]:
    chance = random.Random(options.seed)
    kinds = options.kinds.split(",")
    victims = [await asyncio.to_thread(_victim, target, kind) for kind in kinds]
    tallies = [Tally(kind) for kind in kinds]
    number = 0
    try:
        for time_number in range(1, options.times + 1):
            for victim, tally in zip(victims, tallies, strict=True):
                number += 1
                await asyncio.to_thread(wait_ready, victim.target)
                await perform(victim, tally, chance, number, options.runs)
                longest = max(tally.to_final_s, default=0.0)
                state = "good" if tally.is_good else f"WRONG: {tally.notes[-1:]}"
                report.progress(f"{victim.kind} {time_number}/{options.times}: {longest:.1f} s, {state}")
    finally:
        for victim in victims:
            victim.close()
    return tallies


HEADER = (
    "killed",
    "times",
    "accepted",
    "in flight",
    "done",
    "ended early",
    "POST unanswered",
    "lost",
    "charged twice",
    "undelivered charged",
    "overcharged",
    "text wrong",
    "viewer wrong",
    "attempts overlap",
    "median s",
    "longest s",
)


def _row(tally: Tally) -> list[object]:
    return [
        tally.kind,
        tally.kills,
        tally.accepted,
        tally.in_flight,
        tally.done,
        tally.ended_early,
        tally.unanswered_posts,
        tally.lost,
        tally.charged_twice,
        tally.charged_undelivered,
        tally.overcharged,
        tally.text_wrong,
        tally.viewer_wrong,
        tally.attempts_overlap,
        report.median(tally.to_final_s),
        max(tally.to_final_s, default=0.0),
    ]


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench faults", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills of each kind (default: %(default)s)")
    parser.add_argument(
        "--runs", type=int, default=8, help="runs started around a kill (default: %(default)s)"
    )
    parser.add_argument("--kinds", default=",".join(KINDS), help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(arguments)
    unknown = set(options.kinds.split(",")) - set(KINDS)
    if unknown:
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    return options


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    report.progress(f"seed {options.seed}")
    tallies = uvloop.run(_run(from_environment(), options))
    report.table(
        HEADER, [_row(tally) for tally in tallies], title="Seconds run from the kill to a final state"
    )
    report.chart(
        "Longest time from the kill to a final state",
        [(tally.kind, max(tally.to_final_s, default=0.0)) for tally in tallies],
        unit="s",
    )
    for note in [note for tally in tallies for note in tally.notes][:MOST_NOTES]:
        print(f"  {note}")
    names = [name.replace(" ", "_").lower() for name in HEADER]
    rows = [dict(zip(names, _row(tally), strict=True)) for tally in tallies]
    report.emit("faults", seed=options.seed, kinds=rows)
    return 0 if all(tally.is_good for tally in tallies) else 1
