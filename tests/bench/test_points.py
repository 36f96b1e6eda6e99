"""The named points: each exists, a process stops there once, and what a kill there could break is seen."""

import asyncio
import importlib
import inspect
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.points import hook
from bench.points.control import Control
from bench.points.loads import LOADS
from bench.points.registry import POINTS, Point
from bench.points.run import plan
from config import processes


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_a_point_names_a_function_that_exists(point: Point) -> None:
    owner, name = hook.find(importlib.import_module(point.module), point.function)
    function = inspect.getattr_static(owner, name)
    assert inspect.isfunction(function)
    # "after" a generator is when it was made, not when it ended
    is_generator = inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function)
    assert point.when == "before" or not is_generator


def test_there_are_thirty_points_of_every_part_of_a_run() -> None:
    assert len({point.name for point in POINTS}) == len(POINTS) >= 32
    assert {point.process for point in POINTS} == {"web", "worker-llm", "worker", "beat"}
    assert {point.load for point in POINTS} == set(LOADS)


def test_the_processes_are_known_by_their_command_lines() -> None:
    for name in ("web", "worker-llm", "worker", "beat"):
        assert hook.process_name(processes.commands(name, {})[-1]) == name
    assert hook.process_name(processes.commands("simulator", {"SIMULATOR_PORT": "1"})[-1]) == ""


def test_no_module_of_the_product_knows_points() -> None:
    for package in ("accounts", "assistants", "config", "tenants", "usage"):
        for path in (processes.ROOT / package).rglob("*.py"):
            assert "bench.points" not in path.read_text(), path


def test_each_kind_is_killed_once_at_a_point() -> None:
    work = plan([POINTS[0]], ["itself", "web worker", "worker", "postgres"])
    assert [kind for _, kind in work] == ["itself", "worker", "postgres"]


@pytest.fixture
def module() -> object:
    class Module:
        def work(self) -> str:
            return "worked"

        async def stream(self) -> str:
            return "streamed"

    return Module


def test_a_function_goes_on_when_the_bench_says_so(module: type, tmp_path: Path) -> None:
    control = Control(tmp_path / "armed")
    point = Point("mid", "web", "before", "x:stream")
    hook.wrap(module, point, tmp_path / "armed")  # type: ignore[arg-type]  # any owner of functions
    control.arm(point, hook.PAUSE)

    async def meet() -> tuple[float | None, str]:
        standing = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(module().stream())))
        reached = await control.wait_reached(within_s=5)
        await asyncio.sleep(0.1)
        assert not standing.done()
        control.let_go()
        return reached, await standing

    reached, result = asyncio.run(meet())
    assert reached is not None
    assert abs(reached - time.time()) < 5
    assert result == "streamed"


def test_only_the_nth_call_stops_and_nobody_stops_twice(module: type, tmp_path: Path) -> None:
    control = Control(tmp_path / "armed")
    point = Point("third", "web", "after", "x:work", nth=3)
    hook.wrap(module, point, tmp_path / "armed")  # type: ignore[arg-type]
    control.arm(point, hook.PAUSE)
    control.let_go()
    reached = tmp_path / "armed" / hook.REACHED
    one = module()
    stops = []
    for _ in range(6):
        assert one.work() == "worked"
        stops.append(reached.exists())
        reached.unlink(missing_ok=True)
    assert stops == [False, False, True, False, False, False]


def test_a_process_that_comes_to_an_armed_point_dies_there(tmp_path: Path) -> None:
    control = Control(tmp_path / "armed")
    point = next(each for each in POINTS if each.name == "llm-before-claim")
    control.arm(point, hook.KILL)
    program = (
        "from usage.holds import services\n"
        "print('imported', flush=True)\n"
        "services.claim(None)\n"
        "print('beyond', flush=True)\n"
    )
    start = f"import django; django.setup()\n{program}"
    ended = subprocess.run(
        [sys.executable, "-c", start, "--queues=llm"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test", **control.environment},
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (-9, "imported\n"), ended.stderr
    assert not (tmp_path / "armed" / point.name).exists()
