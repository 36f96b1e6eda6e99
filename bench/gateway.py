"""N2: what a chat completion through /v1/ costs, held, run and settled; whole and streamed.

Beside it, in the same run: the bare provider, and the floor, which is the same path through Celery and the streaming
engine without accounts, holds and the ledger (bench/floor).
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psutil
import uvloop

from bench import processes, report, wire
from bench.floor.running import Floor, run_floor
from bench.processes import LOAD, Snapshot
from bench.target import Target, from_environment

MODEL = "gpt-4o-mini"
KINDS = ("provider", "floor", "product")
WHOLE, STREAM = "whole", "stream"
MODES = (WHOLE, STREAM)
FIRST_TEXT, LAST_EVENT = b'"content":"', b"data: [DONE]"
SHARED_SERVERS = ("redis",)
WARM_UP_CALLS = 40


@dataclass
class Slot:
    """One kind at one number of clients, over all rounds. `mode`: answered whole, or streamed."""

    kind: str
    clients: int
    mode: str
    rates: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    load_share: list[float] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)
    calls: int = 0
    failed: int = 0

    def parts_ms(self) -> dict[str, float]:
        """CPU time of each process per call, web workers together."""
        return {name: report.milliseconds(value / max(1, self.calls)) for name, value in self.cpu_s.items()}


@dataclass(frozen=True)
class Place:
    """Where calls of one kind go, by mode, and whose CPU time they cost."""

    address: wire.Address
    raw: Mapping[str, bytes]
    is_counted: Callable[[str], bool]


def places(target: Target, floor: Floor, tokens: int) -> dict[str, Place]:
    question = f"Say something\n/sim tokens={tokens} delay_ms=0 rate=0"
    body = {"model": MODEL, "messages": [{"role": "user", "content": question}]}
    more = {WHOLE: {}, STREAM: {"stream": True, "stream_options": {"include_usage": True}}}
    raw = {
        mode: wire.post("/v1/chat/completions", body | fields, wire.bearer(target.key))
        for mode, fields in more.items()
    }
    return {
        "provider": Place(target.simulator, raw, lambda name: name == "simulator"),
        "floor": Place(floor.address, raw, lambda name: name.startswith("floor") or name in SHARED_SERVERS),
        "product": Place(target.address, raw, lambda name: not name.startswith(("floor", "simulator", LOAD))),
    }


@dataclass
class Times:
    """Seconds of each good call until its end, and until its first text; how many failed."""

    ends: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    failed: int = 0

    @property
    def calls(self) -> int:
        return len(self.ends) + self.failed


async def call_for(place: Place, mode: str, clients: int, seconds: float, *, most: int = 10**9) -> Times:
    """A closed loop of clients."""
    times = Times()
    until = time.monotonic() + seconds

    async def client() -> None:
        connection = await wire.connect(place.address)
        while time.monotonic() < until and times.calls < most:
            try:
                if not connection.is_open:
                    connection = await wire.connect(place.address)
                await _call(connection, place.raw[mode], mode, times)
            except OSError:
                times.failed += 1
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return times


async def _call(connection: wire.Connection, raw: bytes, mode: str, times: Times) -> None:
    started = time.perf_counter()
    pieces: list[bytes] = []
    first: list[float] = []

    def take(piece: bytes) -> None:
        if not first and (mode == WHOLE or FIRST_TEXT in piece):
            first.append(time.perf_counter() - started)
        pieces.append(piece)

    connection.begin(raw, take)
    await connection.end
    took, body = time.perf_counter() - started, b"".join(pieces)
    is_whole = b'"choices"' in body if mode == WHOLE else LAST_EVENT in body
    if connection.status == 200 and is_whole and first:
        times.ends.append(took)
        times.firsts.append(first[0])
    else:
        times.failed += 1


async def measure(target: Target, floor: Floor, place: Place, slot: Slot, seconds: float) -> None:
    before, started = snapshot(target, floor), time.monotonic()
    times = await call_for(place, slot.mode, slot.clients, seconds)
    wall_s = time.monotonic() - started
    spent = processes.spent(before, snapshot(target, floor))
    counted = {name: value for name, value in spent.items() if place.is_counted(name)}
    for name, value in counted.items():
        label = name.rstrip(" 0123456789")
        slot.cpu_s[label] = slot.cpu_s.get(label, 0.0) + value
    good = len(times.ends)
    slot.calls += good
    slot.failed += times.failed
    slot.rates.append(good / wall_s)
    slot.p50_ms.append(report.milliseconds(report.percentile(times.ends, 0.5)))
    slot.p95_ms.append(report.milliseconds(report.percentile(times.ends, 0.95)))
    slot.first_ms.append(report.milliseconds(report.percentile(times.firsts, 0.5)))
    slot.cpu_ms.append(report.milliseconds(sum(counted.values()) / max(1, good)))
    slot.load_share.append(spent[LOAD] / wall_s)


def snapshot(target: Target, floor: Floor) -> Snapshot:
    return processes.take(target) | processes.take_trees(floor.pids)


def settled(target: Target) -> int:
    with target.database() as connection:
        row = connection.execute("SELECT count(*) FROM usage_ledgerentry").fetchone()
    return int(row[0]) if row else 0


async def _run(
    target: Target, floor: Floor, options: argparse.Namespace
) -> tuple[list[Slot], Mapping[str, Place]]:
    where = places(target, floor, options.tokens)
    for kind in KINDS:
        for mode in MODES:
            times = await call_for(where[kind], mode, 8, 30, most=WARM_UP_CALLS)
            if not times.ends:
                raise SystemExit(f"{kind} did not answer ({mode})")
    clients = [int(text) for text in options.clients.split(",")]
    slots = [Slot(kind, count, mode) for mode in MODES for count in clients for kind in KINDS]
    for number in range(1, options.rounds + 1):
        for slot in slots:
            await measure(target, floor, where[slot.kind], slot, options.seconds)
            report.progress(
                f"round {number}: {slot.kind}, {slot.mode}, {slot.clients} clients:"
                f" {slot.rates[-1]:.0f} requests/s"
            )
    return slots, where


HEADER = (
    "clients",
    "of",
    "answer",
    "requests/s",
    "× floor",
    "first ms",
    "p50 ms",
    "p95 ms",
    "added p50 ms",
    "CPU ms each",
    "× floor",
    "load CPU",
    "calls",
    "failed",
)


def _figures(slots: list[Slot], slot: Slot) -> dict[str, float | int | str]:
    beside = {
        other.kind: other for other in slots if (other.clients, other.mode) == (slot.clients, slot.mode)
    }
    p50, cpu = report.median(slot.p50_ms), report.median(slot.cpu_ms)
    rate = report.median(slot.rates)
    return {
        "clients": slot.clients,
        "of": slot.kind,
        "answer": slot.mode,
        "requests_per_s": rate,
        "times_floor_requests": rate / report.median(beside["floor"].rates),
        "first_ms": report.median(slot.first_ms),
        "p50_ms": p50,
        "p95_ms": report.median(slot.p95_ms),
        "added_p50_ms": p50 - report.median(beside["provider"].p50_ms),
        "cpu_ms": cpu,
        "times_floor": cpu / report.median(beside["floor"].cpu_ms),
        "load_cpu": report.median(slot.load_share),
        "calls": slot.calls,
        "failed": slot.failed,
    }


def _show(slots: list[Slot], memory: Snapshot) -> None:
    rows = []
    for slot in slots:
        clients, *figures = _figures(slots, slot).values()
        rows.append([str(clients), *figures])
    report.table(HEADER, rows, title="Chat completions (medians over rounds)")
    for title, of, unit in (
        ("Requests per second", lambda slot: report.median(slot.rates), "/s"),
        ("CPU per request", lambda slot: report.median(slot.cpu_ms), "ms"),
    ):
        report.chart(
            title, [(f"{slot.clients:>2} {slot.mode} {slot.kind}", of(slot)) for slot in slots], unit=unit
        )
    _show_parts([slot for slot in slots if slot.kind != "provider"])
    report.table(
        ("process", "n", "RSS MiB", "PSS MiB"),
        [[name, usage.count, usage.rss / 2**20, usage.pss / 2**20] for name, usage in memory.items()],
        title="Memory afterwards",
    )


def _show_parts(slots: list[Slot]) -> None:
    parts = [(f"{slot.clients} clients, {slot.mode}, {slot.kind}", slot.parts_ms()) for slot in slots]
    names = sorted({name for _, part in parts for name, value in part.items() if value >= 0.005})
    rows = [[label, *(part.get(name, 0.0) for name in names)] for label, part in parts]
    report.table(("CPU ms of each call", *names), rows, title="Where it goes")


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench gateway", description=__doc__)
    parser.add_argument("--clients", default="1,16,64", help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=10, help="of each measurement (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=20, help="of each answer (default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    target = from_environment()
    before = settled(target)
    with run_floor(key=target.key) as floor:
        slots, _ = uvloop.run(_run(target, floor, options))
        memory = snapshot(target, floor)
    booked = settled(target) - before
    _show(slots, memory)
    served = sum(slot.calls for slot in slots if slot.kind == "product")
    print(f"\n{served} calls measured, {booked} settled with those of the warm-up")
    report.emit(
        "gateway",
        slots=[_figures(slots, slot) | {"cpu_ms_by_process": slot.parts_ms()} for slot in slots],
        settled=booked,
        memory={
            name: {"rss_mib": usage.rss / 2**20, "pss_mib": usage.pss / 2**20}
            for name, usage in memory.items()
        },
        machine={"cores": processes.cores(), "memory_gib": psutil.virtual_memory().total / 2**30},
    )
    return 1 if booked < served or any(slot.failed for slot in slots) else 0
