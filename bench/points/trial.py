"""One kill at a point: a load brings a run there, then that process is killed, or another while this one stands."""

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass

from bench import trials
from bench.points import hook, limits, loads
from bench.points.control import Control
from bench.points.loads import LOADS
from bench.points.registry import Point
from bench.target import Target
from bench.trials import Case, Tally
from bench.victims import SUPERVISOR, Supervisor, victim, wait_ready

ITSELF = "itself"
GONE_FOR_S = 0.3
"""So long the process still stands at the point after another was killed: it meets what is missing."""
WITHOUT_QUEUE = "unqueued"


@dataclass
class Lane:
    """A private stack, its points, and the chance that picks among its web workers."""

    stack: Supervisor
    control: Control
    chance: random.Random

    @property
    def target(self) -> Target:
        return self.stack.target


async def perform(lane: Lane, point: Point, kind: str, number: int) -> Tally:
    """Counts no kill when no run came to the point. Leaves a stack that runs again."""
    tally = Tally(point.name)
    await asyncio.to_thread(wait_ready, lane.target)
    await asyncio.to_thread(loads.fill_limits, lane.target, point.load)
    began_at = time.time()
    load = LOADS[point.load]
    made = loads.cases(load, number)
    if point.load == WITHOUT_QUEUE:
        os.kill(lane.target.pids()["worker-llm"], signal.SIGKILL)
    action = hook.KILL if kind == ITSELF else hook.PAUSE
    if not point.load.startswith("lost"):
        lane.control.arm(point, action)
    watching = [asyncio.ensure_future(loads.run_case(lane.target, case, load.then)) for case in made]
    await _lose(lane, point, made, action)
    reached_at = await lane.control.wait_reached(within_s=load.reach_s)
    killed_at = await _kill(lane, kind, reached_at)
    await asyncio.gather(*watching)
    await trials.conclude(lane.target, tally, made, began_at, killed_at)
    lane.control.clear()
    await asyncio.to_thread(limits.widen, lane.target)
    tally.kills = int(reached_at is not None)
    return tally


async def _lose(lane: Lane, point: Point, made: list[Case], action: str) -> None:
    """What must have gone wrong before a run can come to the point."""
    if point.load.startswith("lost"):
        await loads.lose_worker(lane.target, made, early=point.load == "lost-early")
        lane.control.arm(point, action)
    elif point.load == WITHOUT_QUEUE:
        await loads.lose_messages(lane.target, made)


async def _kill(lane: Lane, kind: str, reached_at: float | None) -> float:
    """The time of the blow; everything runs again then."""
    if reached_at is None or kind == ITSELF:
        await asyncio.to_thread(wait_ready, lane.target)
        return reached_at or time.time()
    other = lane.stack if kind == SUPERVISOR else victim(lane.target, kind)
    killed_at = other.kill(lane.chance)
    await asyncio.sleep(GONE_FOR_S)
    lane.control.let_go()
    await asyncio.to_thread(other.recover)
    return killed_at
