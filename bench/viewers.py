"""N7: how many people can watch at once, and what each costs.

Runs that say one word and fall silent are watched by many viewers. Then one more event per run is appended as its
worker would do it, and has to reach them all.
"""

import argparse
import asyncio
import resource
import sys
import time
from dataclasses import dataclass, field
from uuid import UUID

import psutil
import uvloop

from assistants.runs import frames
from assistants.runs.frames import STREAM_FIELD, EventId
from bench import held, processes, report, wire
from bench.held import Held
from bench.processes import Snapshot
from bench.target import Target, from_environment
from bench.turns import Asker, Turn
from tenants import keys

OPENING_AT_ONCE = 48
SETTLE_S = 8.0
DELIVERY_TIMEOUT_S = 60.0
SOURCES = 8
SPARE_FILES = 500
QUESTION = "Say one word\n/sim delay_ms=0 fault=stall after=1"


@dataclass
class Audience:
    opened: int = 0
    lost: int = 0
    refused: int = 0
    arrivals: list[float] = field(default_factory=list)
    viewers: list["Viewer"] = field(default_factory=list)

    @property
    def watching(self) -> int:
        return self.opened - self.lost


class Viewer(wire.Connection):
    """One open stream; it only counts what comes."""

    def __init__(self, audience: Audience) -> None:
        super().__init__()
        self._audience = audience
        self._is_counted = False

    def on_body(self, body: bytes) -> None:
        if b"event: delta" in body:
            self._audience.arrivals.append(time.time())

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.status == 200:
            self._is_counted = True
            self._audience.opened += 1
        else:
            self._audience.refused += 1

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._audience.lost += self._is_counted


@dataclass
class Findings:
    first: int = 0
    open_s: float = 0.0
    moments: list[tuple[str, Held]] = field(default_factory=list)
    memory: dict[int, float] = field(default_factory=dict)
    idle: tuple[Snapshot, Snapshot] = ({}, {})
    idle_s: float = 0.0
    deliveries: list[list[float]] = field(default_factory=list)
    redis_channels: int = 0

    def slope_kb(self) -> float:
        (few, low), *_, (many, high) = sorted(self.memory.items())
        return (high - low) / max(1, many - few) / 1000


def raise_limits(target: Target, viewers: int) -> int:
    """Lets this process and the web workers open enough files, where permitted; returns how many viewers fit."""
    mine = _raise(0, viewers + SPARE_FILES)
    workers = processes.web_workers(target)
    theirs = [_raise(worker.pid, viewers + SPARE_FILES) for worker in workers]
    fit = min(mine - SPARE_FILES, sum(limit - SPARE_FILES for limit in theirs))
    if fit < viewers:
        report.progress(f"only {fit} viewers fit: open files {mine} here, {theirs} in web")
    return min(viewers, fit)


def _raise(pid: int, wanted: int) -> int:
    if sys.platform != "linux":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return soft
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    for limits in ((max(wanted, soft), max(wanted, hard)), (hard, hard)):
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        except (PermissionError, ValueError):
            continue
        return limits[0]
    return soft


async def start_runs(target: Target, count: int) -> list[str]:
    asker = Asker(target.address, target.key)
    connection = await wire.connect(target.address)
    runs = []
    for _ in range(count):
        turn = Turn(QUESTION)
        await asker.send(connection, turn)
        if not turn.is_accepted:
            raise SystemExit(turn.error)
        runs.append(turn.run_id)
    connection.close()
    return runs


async def open_viewers(target: Target, audience: Audience, runs: list[str], count: int) -> None:
    """Opens more until `count` were tried; each stays open by itself."""
    asker = Asker(target.address, target.key)
    requests = [asker.events(run_id) for run_id in runs]
    numbers = iter(range(len(audience.viewers), count))

    async def opener() -> None:
        for number in numbers:
            await _open_one(target, audience, number, requests[number % len(runs)])
            if (number + 1) % 1000 == 0:
                report.progress(f"{audience.opened} viewers")

    await asyncio.gather(*(opener() for _ in range(OPENING_AT_ONCE)))


async def _open_one(target: Target, audience: Audience, number: int, raw: bytes) -> None:
    source = (f"127.0.0.{2 + number % SOURCES}", 0) if sys.platform == "linux" else None
    try:
        _, viewer = await asyncio.get_running_loop().create_connection(
            lambda: Viewer(audience), target.address.host, target.address.port, local_addr=source
        )
        audience.viewers.append(viewer)
        viewer.begin(raw, lambda body: None)
        await viewer.head
    except OSError as error:
        audience.refused += 1
        report.progress(f"viewer {number}: {error}")


async def deliver(target: Target, audience: Audience, runs: list[str]) -> list[float]:
    """Appends the next event to every run at once; returns the seconds to each viewer."""
    workspace_id = UUID(target.workspace()[0])
    client = target.redis()
    pipeline = client.pipeline(transaction=False)
    for run_id in map(UUID, runs):
        key = keys.stream_key(workspace_id, run_id)
        (last, _), *_ = client.xrevrange(key, count=1)
        before = EventId.parse(last.decode())
        event_id = EventId(before.attempt, before.seq + 1)
        raw = frames.frame(event_id, "delta", {"offset": event_id.seq, "text": "."})
        pipeline.xadd(key, {STREAM_FIELD: raw}, id=str(event_id))
        pipeline.publish(keys.live_channel(workspace_id, run_id), raw)
    audience.arrivals.clear()
    sent_at = time.time()
    await asyncio.to_thread(pipeline.execute)
    while len(audience.arrivals) < audience.watching and time.time() - sent_at < DELIVERY_TIMEOUT_S:
        await asyncio.sleep(0.05)
    client.close()
    return [at - sent_at for at in audience.arrivals]


def _web_memory(target: Target) -> int:
    return sum(worker.memory_info().rss for worker in processes.web_workers(target))


async def _settle(target: Target, audience: Audience, findings: Findings) -> None:
    await asyncio.sleep(SETTLE_S)
    findings.memory[audience.watching] = _web_memory(target)
    findings.moments.append((f"{audience.watching} viewers", held.count(target)))


async def _run(target: Target, options: argparse.Namespace) -> tuple[Findings, Audience]:
    findings, audience = Findings(), Audience()
    viewers = raise_limits(target, options.viewers)
    findings.first = min(options.first, viewers // 2)
    runs = await start_runs(target, options.runs)
    report.progress(f"{len(runs)} silent runs")
    findings.moments.append(("no viewer", held.count(target)))
    started = time.monotonic()
    await open_viewers(target, audience, runs, findings.first)
    findings.open_s = time.monotonic() - started
    await _settle(target, audience, findings)
    started = time.monotonic()
    await open_viewers(target, audience, runs, viewers)
    findings.open_s += time.monotonic() - started
    await _settle(target, audience, findings)
    await _observe(target, options, findings, audience, runs)
    await _leave(target, findings, audience, runs)
    return findings, audience


async def _observe(
    target: Target, options: argparse.Namespace, findings: Findings, audience: Audience, runs: list[str]
) -> None:
    report.progress(f"idle for {options.idle_s} s")
    before, started = processes.take(target), time.monotonic()
    await asyncio.sleep(options.idle_s)
    findings.idle, findings.idle_s = (before, processes.take(target)), time.monotonic() - started
    client = target.redis()
    findings.redis_channels = len(client.pubsub_channels())
    client.close()
    for number in range(options.events):
        delays = await deliver(target, audience, runs)
        findings.deliveries.append(delays)
        report.progress(
            f"event {number + 1}: {len(delays)} of {audience.watching} in {max(delays, default=0):.2f} s"
        )
        await asyncio.sleep(2)


async def _leave(target: Target, findings: Findings, audience: Audience, runs: list[str]) -> None:
    opened = audience.watching
    for viewer in audience.viewers:
        viewer.close()
    await asyncio.sleep(SETTLE_S)
    findings.moments.append((f"after all {opened} left", held.count(target)))
    asker = Asker(target.address, target.key)
    connection = await wire.connect(target.address)
    for run_id in runs:
        await connection.exchange(asker.stop(run_id))
    connection.close()


def _show(findings: Findings, audience: Audience) -> None:
    report.table(held.HEADER, [held.row(*moment) for moment in findings.moments], title="What is held")
    points = [(f"{count} viewers", size / 2**20) for count, size in sorted(findings.memory.items())]
    report.chart("Memory of the web workers (RSS)", points, unit="MiB")
    rows = [
        [f"event {number}", len(delays), *(_ms(delays, share) for share in (0.5, 0.95, 1.0))]
        for number, delays in enumerate(findings.deliveries, start=1)
    ]
    report.table(
        ("to all viewers", "reached", "p50 ms", "p95 ms", "last ms"), rows, title="Delivery of one event each"
    )
    report.table(
        processes.HEADER,
        processes.rows(*findings.idle, findings.idle_s),
        title=f"Idle for {findings.idle_s:.0f} s",
    )
    print(
        f"\n{findings.slope_kb():.1f} kB each; {audience.refused} refused, opened in {findings.open_s:.0f} s"
    )


def _ms(values: list[float], share: float) -> float:
    return report.milliseconds(report.percentile(values, share))


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench viewers", description=__doc__)
    parser.add_argument("--viewers", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1000, help="where the memory slope begins")
    parser.add_argument("--runs", type=int, default=200, help="silent runs that are watched")
    parser.add_argument("--idle-s", type=float, default=60)
    parser.add_argument("--events", type=int, default=5)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    target = from_environment()
    findings, audience = uvloop.run(_run(target, options))
    _show(findings, audience)
    whole = [len(delays) for delays in findings.deliveries]
    report.emit(
        "viewers",
        viewers=max(findings.memory),
        runs=options.runs,
        kb_each=findings.slope_kb(),
        open_s=findings.open_s,
        refused=audience.refused,
        moments={label: moment.figures() for label, moment in findings.moments},
        reached=whole,
        delivery_ms={
            "p50": report.median([_ms(delays, 0.5) for delays in findings.deliveries]),
            "p95": report.median([_ms(delays, 0.95) for delays in findings.deliveries]),
            "last": report.median([_ms(delays, 1.0) for delays in findings.deliveries]),
        },
        redis_channels=findings.redis_channels,
        idle_cpu_s=processes.spent(*findings.idle),
        idle_s=findings.idle_s,
        load_generator_mib=psutil.Process().memory_info().rss / 2**20,
    )
    return 0 if all(count == max(findings.memory) for count in whole) else 1
