"""``./dev bench faults --points``: every point, every kind, on two private stacks side by side."""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import fault_report, report
from bench.points import limits, loads
from bench.points.control import Control
from bench.points.registry import BY_NAME, POINTS, Point
from bench.points.trial import ITSELF, Lane, perform
from bench.target import Target
from bench.trials import Tally
from bench.victims import KINDS, StackGone, Supervisor
from config.processes import ROOT

SAME = {"web": "web worker"}
DEFAULT_KINDS = (ITSELF, *(kind for kind in KINDS if kind != "web master"))
ALL_KINDS = (ITSELF, *KINDS)
TRIES = 2


@dataclass
class Results:
    """`missed`: trials in which no run came to the point, though it was tried twice."""

    planned: int
    by_point: dict[str, Tally] = field(default_factory=dict)
    by_kind: dict[str, Tally] = field(default_factory=dict)
    missed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, point: Point, kind: str, tally: Tally) -> None:
        self.done += 1
        left = (time.monotonic() - self.began) / self.done * (self.planned - self.done)
        self.by_point.setdefault(point.name, Tally(point.name)).add(tally)
        self.by_kind.setdefault(kind, Tally(kind)).add(tally)
        state = "good" if tally.is_good else f"WRONG: {tally.notes}"
        if not tally.kills:
            self.missed[point.name].append(kind)
            state = f"NOT REACHED, {state}"
        report.progress(
            f"{self.done}/{self.planned}, {left / 60:.0f} min left: {point.name}, {kind} killed: "
            f"{tally.longest_s:.1f} s, {state}"
        )

    @property
    def is_good(self) -> bool:
        tallies = self.by_point.values()
        return not self.missed and all(tally.is_as_promised for tally in tallies)


def plan(points: list[Point], kinds: list[str]) -> deque[tuple[Point, str]]:
    """Another process of the kind that stands at the point is not killed: that is `itself`."""
    return deque(
        (point, kind)
        for point in points
        for kind in kinds
        if kind not in (point.process, SAME.get(point.process))
    )


def chosen(names: str) -> list[Point]:
    """Raises KeyError for a name that is no point."""
    return list(POINTS) if names == "all" else [BY_NAME[name] for name in names.split(",")]


async def run(shared: Target, options: argparse.Namespace) -> tuple[Results, list[dict[str, Any]]]:
    work = plan(chosen(options.points), options.kinds.split(","))
    results = Results(len(work))
    directory = Path(shared.state_file).parent
    places = [directory.with_name(f"bench-points-{number}") for number in range(1, options.stacks + 1)]
    began = datetime.now(UTC)
    lanes = [await asyncio.to_thread(_lane, shared, place, options.seed) for place in places]
    try:
        await asyncio.gather(*(_work(lane, work, results) for lane in lanes))
        days = sorted({began.date().isoformat(), datetime.now(UTC).date().isoformat()})
        books = [await asyncio.to_thread(_close_books, place, days) for place in places]
    finally:
        for lane in lanes:
            lane.stack.close()
    return results, books


def _lane(shared: Target, place: Path, seed: int) -> Lane:
    control = Control(place.with_name(f"{place.name}-armed"))
    stack = Supervisor(shared, place, control.environment)
    lane = Lane(stack, control, random.Random(seed))
    limits.widen(lane.target)
    return lane


async def _work(lane: Lane, work: deque[tuple[Point, str]], results: Results) -> None:
    await loads.run_case(lane.target, loads.cases(loads.LOADS["plain"], 0)[0], "")
    while work:
        point, kind = work.popleft()
        tally = Tally(point.name)
        for _ in range(TRIES):
            try:
                tally.add(await perform(lane, point, kind, results.done))
            except StackGone as error:
                tally.lost += 1
                tally.notes.append(f"{point.name}, {kind}: {error}")
                await asyncio.to_thread(_start_again, lane)
            if tally.kills or tally.lost:
                break
        results.add(point, kind, tally)


def _start_again(lane: Lane) -> None:
    lane.stack.kill(lane.chance)
    lane.stack.recover()


def _close_books(place: Path, days: list[str]) -> dict[str, Any]:
    servers = json.loads((place / "env.json").read_text())
    ended = subprocess.run(
        [sys.executable, "-m", "bench.points.closing", *days],
        cwd=ROOT, env={**os.environ, **servers}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    figures: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return figures


def show(results: Results, books: list[dict[str, Any]]) -> bool:
    """Prints everything; whether all is well."""
    tallies = list(results.by_point.values())
    if tallies:
        fault_report.show(list(results.by_kind.values()), of="killed")
        fault_report.show(tallies, of="at the point")
        fault_report.show_notes(tallies)
    for name, kinds in results.missed.items():
        print(f"NOT REACHED: {name} ({', '.join(kinds)})")
    for number, figures in enumerate(books, start=1):
        print(f"Books of stack {number}: {figures}")
    report.emit(
        "faults",
        points=[fault_report.figures(tally) for tally in tallies],
        kinds=[fault_report.figures(tally) for tally in results.by_kind.values()],
        not_reached=dict(results.missed),
        trials=results.done,
        books=books,
    )
    wrong = ("broken_invariants", "differences", "receipts_unsound", "receipts_incomplete")
    are_closed = not any(figures[name] for figures in books for name in wrong)
    sees_injected = all(all(figures["seen_of_injected"].values()) for figures in books)
    return results.is_good and are_closed and sees_injected
