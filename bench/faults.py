"""N9: kill -9 of each kind of process at random points of streams. Lost runs, double charges, time to a final state.

PostgreSQL gets SIGQUIT, its own signal for a crash. Kinds take turns, so that no process looks like one that crashes
in a loop, which the supervisor would start again later and later.
"""

import argparse
import asyncio
import random
from pathlib import Path

import uvloop

from bench import crash_limits, fault_report, report
from bench.points import run as points
from bench.points.registry import BY_NAME
from bench.target import Target, from_environment
from bench.trials import Tally, perform
from bench.victims import KINDS, SUPERVISOR, Supervisor, Victim, victim, wait_ready


def _victim(target: Target, kind: str) -> Victim:
    if kind == SUPERVISOR:
        return Supervisor(target, Path(target.state_file).parent.with_name("bench-supervised"))
    return victim(target, kind)


async def _run(target: Target, options: argparse.Namespace) -> list[Tally]:
    chance = random.Random(options.seed)
    kinds = options.kinds.split(",")
    chosen = [await asyncio.to_thread(_victim, target, kind) for kind in kinds]
    tallies = [Tally(kind) for kind in kinds]
    number = 0
    try:
        for time_number in range(1, options.times + 1):
            for one, tally in zip(chosen, tallies, strict=True):
                number += 1
                await asyncio.to_thread(wait_ready, one.target)
                await perform(one, tally, chance, number, options.runs)
                state = "good" if tally.is_good else f"WRONG: {tally.notes[-1:]}"
                report.progress(f"{one.kind} {time_number}/{options.times}: {tally.longest_s:.1f} s, {state}")
    finally:
        for one in chosen:
            one.close()
    return tallies


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench faults", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills of each kind (default: %(default)s)")
    parser.add_argument(
        "--runs", type=int, default=8, help="runs started around a kill (default: %(default)s)"
    )
    parser.add_argument("--kinds", default="", help=f"of {', '.join(points.ALL_KINDS)} (default: all)")
    parser.add_argument("--points", default="", help="kill at named points instead: all, or names")
    parser.add_argument("--stacks", type=int, default=2, help="side by side, for --points")
    parser.add_argument(
        "--limited", action="store_true", help="crash PostgreSQL while calls race on limits instead"
    )
    parser.add_argument("--callers", type=int, default=200, help="calls of --limited (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(arguments)
    allowed = points.ALL_KINDS if options.points else KINDS
    options.kinds = options.kinds or ",".join(points.DEFAULT_KINDS if options.points else KINDS)
    unknown = set(options.kinds.split(",")) - set(allowed)
    if unknown:
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    if options.points not in ("", "all") and (missing := set(options.points.split(",")) - set(BY_NAME)):
        parser.error(f"no such point: {', '.join(sorted(missing))}; there are: {', '.join(BY_NAME)}")
    return options


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    report.progress(f"seed {options.seed}")
    target = from_environment()
    if options.limited:
        return 0 if crash_limits.run(target, options) else 1
    if options.points:
        return 0 if points.show(*uvloop.run(points.run(target, options))) else 1
    tallies = uvloop.run(_run(target, options))
    fault_report.show(tallies, of="killed")
    fault_report.show_notes(tallies)
    rows = [fault_report.figures(tally) for tally in tallies]
    report.emit("faults", seed=options.seed, kinds=rows)
    return 0 if all(tally.is_as_promised for tally in tallies) else 1
