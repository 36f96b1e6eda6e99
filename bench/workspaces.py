"""N6: how long a new workspace takes, and how long an ordinary migration takes over many of them while pages serve."""

import argparse
import asyncio
import os
import secrets
import subprocess
import time
from dataclasses import dataclass, field

import django
import uvloop
from psycopg import sql

from bench import report, wire
from bench.target import Target, from_environment
from config import processes

PREFIX = "bench-"
ASK_EVERY_S = 0.05
SETTINGS = "bench.ordinary_settings"
MIGRATION = "ordinary"


@dataclass
class Serving:
    """Pages asked for while the migration ran. Seconds."""

    times: list[float] = field(default_factory=list)
    failed: int = 0


def create(target: Target, count: int) -> list[float]:
    """Seconds of each creation, in one process, one after the other."""
    from accounts import queries, services  # noqa: PLC0415  needs the settings

    owner = queries.get_user_by_email(target.demo["globex"]["people"][0]["email"])
    assert owner is not None
    times = []
    for number in range(1, count + 1):
        slug = f"{PREFIX}{secrets.token_hex(6)}"
        started = time.perf_counter()
        services.create_workspace(owner=owner, name=f"Bench {number}", slug=slug)
        times.append(time.perf_counter() - started)
        if number % 50 == 0:
            report.progress(f"{number} of {count} workspaces")
    return times


async def migrate(target: Target) -> tuple[float, str, Serving]:
    """Runs the product's own command with one more migration; returns seconds, its last line, and how pages did."""
    serving = Serving()
    asking = asyncio.ensure_future(_ask(target, serving))
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS}
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *processes.manage("migrate_all"), env=environment, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    seconds = time.perf_counter() - started
    asking.cancel()
    if process.returncode:
        raise SystemExit("the migration failed")
    return seconds, output.decode().strip().rsplit("\n", 1)[-1], serving


async def _ask(target: Target, serving: Serving) -> None:
    raw = wire.get("/api/v1/conversations", wire.bearer(target.demo["globex"]["api_key"]))
    while True:
        started = time.perf_counter()
        try:
            answer = await wire.ask(target.address, raw)
            serving.failed += answer.status != 200
        except OSError:
            serving.failed += 1
        serving.times.append(time.perf_counter() - started)
        await asyncio.sleep(ASK_EVERY_S)


def undo(target: Target) -> None:
    """Removes the made workspaces, and the migration from those that stay."""
    from bench.ordinary_migration import ordinary  # noqa: PLC0415  needs the settings
    from tenants.models import Workspace  # noqa: PLC0415

    made = Workspace.objects.filter(slug__startswith=PREFIX)
    with target.database() as connection:
        for schema in made.values_list("schema_name", flat=True):
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
        made.delete()
        for schema in Workspace.objects.values_list("schema_name", flat=True):
            connection.execute(
                sql.SQL("ALTER TABLE {} DROP COLUMN IF EXISTS {}").format(
                    sql.Identifier(schema, "assistants_conversation"), sql.Identifier(ordinary.COLUMN)
                )
            )
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE app = 'assistants' AND name = %s").format(
                    sql.Identifier(schema, "django_migrations")
                ),
                [MIGRATION],
            )


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench workspaces", description=__doc__)
    parser.add_argument("--workspaces", type=int, default=20, help="to create (default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    os.environ["LOG_LEVEL"] = "WARNING"
    django.setup()
    target = from_environment()
    try:
        times = create(target, options.workspaces)
        report.progress("migrating")
        seconds, said, serving = uvloop.run(migrate(target))
    finally:
        report.progress("cleaning up")
        undo(target)
    _show(times, seconds, said, serving)
    return 0 if not serving.failed else 1


def _show(times: list[float], seconds: float, said: str, serving: Serving) -> None:
    migrated = len(times) + 2
    page_p95 = report.milliseconds(report.percentile(serving.times, 0.95))
    report.table(
        ("creation", "n", "median s", "p95 s", "longest s"),
        [["one workspace", len(times), report.median(times), report.percentile(times, 0.95), max(times)]],
    )
    report.table(
        ("ordinary migration", "s", "s each", "1,000 would take min", "requests beside", "p95 ms", "failed"),
        [
            [
                f"{migrated} workspaces",
                seconds,
                seconds / migrated,
                seconds / migrated * 1000 / 60,
                len(serving.times),
                page_p95,
                serving.failed,
            ]
        ],
    )
    print(f"\nmigrate_all: {said}")
    report.emit(
        "workspaces",
        created=len(times),
        create_s={
            "median": report.median(times),
            "p95": report.percentile(times, 0.95),
            "longest": max(times),
        },
        migrated=migrated,
        migrate_s=seconds,
        migrate_each_s=seconds / migrated,
        requests_beside={"n": len(serving.times), "p95_ms": page_p95, "failed": serving.failed},
    )
