"""Wraps the functions of the registry in a process of a stack under test. Costs one look for a file at each call.

A point is armed by a file of its name that says what to do there. Whoever comes first takes it by renaming it, so a
process that is started again does not stop there once more.
"""

import asyncio
import functools
import inspect
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.points.registry import BEAT, LLM, POINTS, WEB, WORKER, Point

VARIABLE = "BENCH_POINTS"
"""Names the directory of the files."""
KILL, PAUSE = "kill", "pause"
REACHED, GO = "reached", "go"
POLL_S = 0.01
LONGEST_PAUSE_S = 10.0
_seen: Counter[str] = Counter()


def process_name(arguments: Sequence[str]) -> str:
    """Which of the product's processes has this command line; empty for others."""
    if "gunicorn" in arguments:
        return WEB
    if "beat" in arguments:
        return BEAT
    queues = next((part for part in arguments if part.startswith("--queues=")), "")
    return "" if not queues else LLM if queues == "--queues=llm" else WORKER


def install() -> None:
    """Before any module of the product is imported."""
    process, directory = process_name(sys.orig_argv), os.environ.get(VARIABLE)
    if process and directory:
        points = [point for point in POINTS if point.process == process]
        sys.meta_path.insert(0, _Finder(points, Path(directory)))


class _Finder(MetaPathFinder):
    def __init__(self, points: list[Point], directory: Path) -> None:
        self._points = points
        self._directory = directory

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        points = [point for point in self._points if point.module == fullname]
        spec = PathFinder.find_spec(fullname, path) if points else None
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path, points, self._directory)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, points: list[Point], directory: Path) -> None:
        super().__init__(fullname, path)
        self._points = points
        self._directory = directory

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        for point in self._points:
            wrap(module, point, self._directory)


def wrap(module: ModuleType, point: Point, directory: Path) -> None:
    owner, name = find(module, point.function)
    setattr(owner, name, _wrapped(getattr(owner, name), point, directory))


def find(module: ModuleType, function: str) -> tuple[Any, str]:
    """Where the function stands: its module or class, and its name there. Raises AttributeError."""
    *outer, name = function.split(".")
    owner = functools.reduce(getattr, outer, module)
    inspect.getattr_static(owner, name)
    return owner, name


def _wrapped(function: Callable[..., Any], point: Point, directory: Path) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if point.when == "before":
            _visit(point, directory)
        result = function(*args, **kwargs)
        if point.when == "after":
            _visit(point, directory)
        return result

    @functools.wraps(function)
    async def call_async(*args: Any, **kwargs: Any) -> Any:
        if point.when == "before":
            _visit(point, directory)
        result = await function(*args, **kwargs)
        if point.when == "after":
            _visit(point, directory)
        return result

    return call_async if asyncio.iscoroutinefunction(function) else call


def _visit(point: Point, directory: Path) -> None:
    armed = directory / point.name
    if not armed.exists():
        return
    try:
        action, token = armed.read_text().split()
        _seen[token] += 1
        if _seen[token] < point.nth:
            return
        armed.rename(directory / f"{point.name}.taken")
    except FileNotFoundError:
        # another thread or process was first
        return
    _say_reached(directory)
    if action == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    # Blocks the whole thread, an event loop's too: nothing of it goes beyond the point.
    deadline = time.monotonic() + LONGEST_PAUSE_S
    while not (directory / GO).exists() and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _say_reached(directory: Path) -> None:
    unfinished = directory / f"reached.{os.getpid()}"
    # The bench may have given up and cleared the directory.
    with suppress(FileNotFoundError):
        unfinished.write_text(repr(time.time()))
        unfinished.rename(directory / REACHED)
