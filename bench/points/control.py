"""The bench's side of `bench.points.hook`: arms a point, hears that a process stands there, lets it go on."""

import asyncio
import shutil
import time
import uuid
from pathlib import Path

from bench.points import hook
from bench.points.registry import Point
from config.processes import ROOT

START = Path(__file__).with_name("start")


class Control:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.clear()

    @property
    def environment(self) -> dict[str, str]:
        """What makes a stack's processes load the hook."""
        return {hook.VARIABLE: str(self._directory), "PYTHONPATH": f"{START}:{ROOT}"}

    def clear(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(parents=True)

    def arm(self, point: Point, action: str) -> None:
        """`action`: hook.KILL or hook.PAUSE."""
        self.clear()
        unfinished = self._directory / "unfinished"
        unfinished.write_text(f"{action} {uuid.uuid4().hex}")
        unfinished.rename(self._directory / point.name)

    async def wait_reached(self, *, within_s: float) -> float | None:
        """The Unix time at which a process came to the point; None when none did."""
        deadline = time.monotonic() + within_s
        reached = self._directory / hook.REACHED
        while time.monotonic() < deadline:
            if reached.exists():
                return float(reached.read_text())
            await asyncio.sleep(0.01)
        return None

    def let_go(self) -> None:
        (self._directory / hook.GO).touch()
