"""What is asked so that a run comes to a point: answers, stops, faults, limits, and what is lost before."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bench import wire
from bench.points import limits
from bench.target import Target
from bench.trials import Case, ask
from bench.turns import Asker, Turn

FIRST_STEP = 256
ARRANGED_WITHIN_S = 20.0
CLAIMED = "SELECT count(*) FROM usage_hold WHERE state = 'held' AND is_claimed"


@dataclass(frozen=True)
class Load:
    """`reach_s`: within so many seconds some run must come to the point.

    `words` of about six tokens each at `rate` tokens per second; `gap` seconds between the starts of `runs` runs.
    """

    words: int = 12
    rate: float = 70.0
    delay_ms: int = 150
    runs: int = 3
    gap: float = 0.3
    more: str = ""
    then: str = ""
    reach_s: float = 12.0


LOADS = {
    "plain": Load(),
    "long": Load(words=60, rate=160.0),
    "slow": Load(words=35, rate=30.0, reach_s=15.0),
    "spread": Load(words=20, rate=40.0, gap=1.2),
    "stop": Load(words=35, rate=30.0, then="stop"),
    "checkpoint": Load(then="checkpoint"),
    "refused-once": Load(more="fault=503 times=1 key={key}"),
    "cut": Load(more="fault=cut after=30"),
    "waiting": Load(gap=0.05),
    "used-up": Load(gap=0.05),
    "unqueued": Load(reach_s=25.0),
    "lost-early": Load(delay_ms=2500, reach_s=30.0),
    "lost-late": Load(words=20, rate=25.0, reach_s=30.0),
}


def cases(load: Load, number: int) -> list[Case]:
    made = []
    for at in range(load.runs):
        text = " ".join(f"kill{number:04d}{at:02d}w{word:02d}" for word in range(load.words))
        more = load.more.format(key=f"{number}-{at}-{time.time():.0f}")
        question = f"Say it\n/sim rate={load.rate:g} delay_ms={load.delay_ms} {more} echo={text}"
        made.append(Case(Turn(question), text, at * load.gap))
    return made


def fill_limits(target: Target, name: str) -> None:
    """For `waiting`: two of three runs fit, and the third when one of them is settled. `used-up`: one fits."""
    if name == "waiting":
        limits.leave(target, "tokens", (limits.last_input(target) + FIRST_STEP) * 5 // 2)
    elif name == "used-up":
        limits.leave(target, "messages", 1)


async def run_case(target: Target, case: Case, then: str) -> None:
    asking = asyncio.ensure_future(ask(target, case))
    if then == "stop":
        await _when(lambda: bool(case.turn.first_at) or asking.done())
        await _ask_for(target, Asker(target.address, target.key).stop(case.turn.run_id))
    await asking
    if then == "checkpoint":
        await _ask_for(target, wire.get("/api/v1/receipts/log/checkpoint", wire.bearer(target.key)))


async def _ask_for(target: Target, raw: bytes) -> None:
    """Once; a process that is killed meanwhile is what the trial is about."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(10):
            await wire.ask(target.address, raw)


async def lose_worker(target: Target, made: list[Case], *, early: bool) -> None:
    """Kills the worker after all runs were claimed and before their first token, or amid their answers."""
    if early:
        await _when(lambda: all(case.turn.is_accepted for case in made) and _claimed(target) >= len(made))
    else:
        await _when(lambda: all(case.turn.first_at for case in made))
        # until a text was saved: once a second
        await asyncio.sleep(1.2)
    os.kill(target.pids()["worker-llm"], signal.SIGKILL)


async def lose_messages(target: Target, made: list[Case]) -> None:
    """Takes the wake-ups out of Redis while no worker is there; before, the worker must be away."""
    await _when(lambda: all(case.turn.is_accepted for case in made))
    await asyncio.to_thread(lambda: target.redis().delete("llm"))


def _claimed(target: Target) -> int:
    with target.database() as connection:
        row = connection.execute(CLAIMED).fetchone()
    return int(row[0]) if row else 0


async def _when(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ARRANGED_WITHIN_S
    while not is_so() and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
