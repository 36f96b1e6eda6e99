"""CPU time and memory of the stack's processes, and of the load generator itself."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psutil

from bench.target import Target

LOAD = "load generator"


@dataclass(frozen=True)
class Usage:
    """Of one process, or of PostgreSQL's processes together. Memory in bytes.

    `pss` counts shared pages once, divided among those who share them; it equals `rss` where the system does not say.
    """

    cpu_s: float
    rss: int
    pss: int
    count: int = 1


Snapshot = dict[str, Usage]


def take(target: Target) -> Snapshot:
    usages = {}
    for name, pid in target.pids().items():
        for label, processes in _members(name, pid):
            usages[label] = _sum(processes)
    usages[LOAD] = _sum([psutil.Process()])
    return usages


def take_trees(pids: Mapping[str, int]) -> Snapshot:
    """Of other processes with their children, by name."""
    trees = ((name, psutil.Process(pid)) for name, pid in pids.items())
    return {name: _sum([root, *root.children(recursive=True)]) for name, root in trees}


def web_workers(target: Target) -> list[psutil.Process]:
    master = psutil.Process(target.pids()["web"])
    return sorted(master.children(), key=lambda process: process.pid)


def spent(before: Snapshot, after: Snapshot) -> dict[str, float]:
    """CPU seconds by process between the two."""
    return {name: after[name].cpu_s - before[name].cpu_s for name in after if name in before}


def product(usages: dict[str, float]) -> float:
    """The sum without the load generator and the simulated provider."""
    return sum(value for name, value in usages.items() if name not in (LOAD, "simulator"))


def rows(before: Snapshot, after: Snapshot, wall_s: float) -> list[list[object]]:
    """For a table: name, processes, CPU seconds, share of one core, RSS and PSS in MiB."""
    cpu = spent(before, after)
    return [
        [
            name,
            usage.count,
            cpu.get(name, 0.0),
            f"{cpu.get(name, 0.0) / wall_s:.1%}",
            usage.rss / 2**20,
            usage.pss / 2**20,
        ]
        for name, usage in after.items()
    ]


HEADER = ("process", "n", "CPU s", "of a core", "RSS MiB", "PSS MiB")


def figures(before: Snapshot, after: Snapshot) -> dict[str, dict[str, float]]:
    cpu = spent(before, after)
    return {
        name: {
            "cpu_s": cpu.get(name, 0.0),
            "rss_mib": usage.rss / 2**20,
            "pss_mib": usage.pss / 2**20,
        }
        for name, usage in after.items()
    }


def _members(name: str, pid: int) -> Iterator[tuple[str, list[psutil.Process]]]:
    root = psutil.Process(pid)
    children = sorted(root.children(recursive=True), key=lambda process: process.pid)
    if name == "web":
        yield "web master", [root]
        for number, child in enumerate(children, start=1):
            yield f"web worker {number}", [child]
    else:
        yield name, [root, *children]


def _sum(processes: list[psutil.Process]) -> Usage:
    cpu, rss, pss, count = 0.0, 0, 0, 0
    for at, process in enumerate(processes):
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            if at == 0 and process.pid != os.getpid():
                # what ended meanwhile, such as PostgreSQL's server processes
                cpu += times.children_user + times.children_system
            memory = process.memory_info().rss
            rss, pss, count = rss + memory, pss + _pss(process, memory), count + 1
        except psutil.NoSuchProcess:
            continue
    return Usage(cpu, rss, pss, count)


def _pss(process: psutil.Process, otherwise: int) -> int:
    read: Callable[[], object] = process.memory_full_info
    try:
        return int(getattr(read(), "pss", otherwise))
    except psutil.AccessDenied:
        return otherwise


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
