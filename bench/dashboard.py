"""How long the usage page and its figures take with millions of ledger rows behind them.

The rows are a year of one large workspace (half of them; fifty people, three of six assistants each, eight keys) and
of fifty small ones. They are folded as the beat task does it, and read through the product's own functions and pages.
"""

import argparse
import hashlib
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2

from bench import report
from bench.target import Target, from_environment

GOAL_MS = 60.0
ROWS = 5_000_000
SEED = """
INSERT INTO usage_ledgerentry (hold_id, workspace_id, person_ref, api_key_id, assistant_id, project_id, lines, account,
    variant, kind, run_kind, provider, model, messages, input_tokens, cached_tokens, output_tokens, reasoning_tokens,
    images, audio_in_ms, audio_out_ms, websites, generations, cost_micro, is_estimated, created_at)
SELECT gen_random_uuid(),
       CASE WHEN n %% 2 = 0 THEN %(acme)s::uuid ELSE md5('w' || n %% 100)::uuid END,
       md5('p' || person)::uuid, CASE WHEN person < 8 AND n %% 4 = 0 THEN md5('k' || person)::uuid END,
       md5('a' || assistant)::uuid, NULL, '[]', 'workspace', '', 'settlement', 'reply', 'openai',
       CASE WHEN assistant %% 3 = 0 THEN 'gpt-4o' ELSE 'gpt-4o-mini' END,
       1, 200 + n %% 1000, 0, 100 + n %% 400, 0, 0, 0, 0, 0, 0, 40 + n %% 900, false,
       statement_timestamp() - make_interval(secs => (%(rows)s - n) * (365 * 86400.0 / %(rows)s))
FROM generate_series(%(first)s, %(last)s) n,
     LATERAL (SELECT (n / 2) %% 50 AS person) who,
     LATERAL (SELECT (person + (n / 100) %% 3) %% 6 AS assistant) with_whom
"""
STEP = 500_000
WARM_UP = 10
SINCE = {"month": 30, "year": 364}
TABLES = ("usage_ledgerentry", "usage_dailyrollup", "usage_hourlyrollup", "usage_daytotal")
BARE = "/api/v1/assistants"
"""Sums nothing: what every call costs."""
ADDRESSES = (
    "/api/v1/usage/limits",
    "/api/v1/usage/current",
    "/api/v1/user/usage",
    "/api/v1/usage/history",
    "/api/v1/usage/history?group_by=hour&from={month}",
    "/api/v1/usage/history?group_by=day&from={year}",
    "/api/v1/usage/history?group_by=person&from={year}",
    "/w/acme/usage/",
    "/w/acme/usage/?days=365&by=person",
    "/w/acme/usage/meters/",
    "/w/acme/usage/export.csv?days=365&by=person",
)


@dataclass
class Samples:
    name: str
    queries: int = 0
    times_ms: list[float] = field(default_factory=list)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench dashboard")
    parser.add_argument("--rows", type=int, default=ROWS, help="ledger rows (default: 5,000,000)")
    parser.add_argument("--samples", type=int, default=60, help="reads of each kind (default: 60)")
    options = parser.parse_args(arguments)
    target = from_environment()
    workspace_id, _ = target.workspace()
    seed(target, workspace_id, options.rows)
    fold_s = fold()
    reads = measure_reads(options.samples)
    found = [*reads, *measure_addresses(target, options.samples)]
    _tell(target, found, options, fold_s)
    return 0 if all(report.percentile(row.times_ms, 0.95) <= GOAL_MS for row in found) else 1


def seed(target: Target, workspace_id: str, rows: int) -> None:
    with target.database() as connection:
        counted = connection.execute("SELECT count(*) FROM usage_ledgerentry").fetchone()
        there = int(counted[0]) if counted else 0
        for first in range(there, rows, STEP):
            last = min(first + STEP, rows) - 1
            connection.execute(SEED, {"acme": workspace_id, "rows": rows, "first": first, "last": last})
            report.progress(f"{last + 1:,} ledger rows")
        connection.execute("VACUUM ANALYZE usage_ledgerentry")


def fold() -> float:
    """Everything but the last seconds, as the beat task does it, but at once."""
    _start_django()
    from usage.rollups import services  # noqa: PLC0415  needs Django

    started = time.monotonic()
    while services.fold():
        report.progress("folded")
    _analyse()
    return time.monotonic() - started


def _start_django() -> None:
    import django  # noqa: PLC0415  not before the environment is known

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
    django.setup()


def _analyse() -> None:
    from django.db import connection  # noqa: PLC0415  needs Django

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE usage_dailyrollup, usage_hourlyrollup, usage_daytotal")


def measure_reads(samples: int) -> list[Samples]:
    from django.utils import timezone  # noqa: PLC0415  needs Django

    from tenants.scope import get_ref  # noqa: PLC0415
    from usage.rollups import queries  # noqa: PLC0415
    from usage.rollups.queries import GroupBy, Span  # noqa: PLC0415

    acme = get_ref(slug="acme")
    today = timezone.now().date()

    def span(days: int, person_ref: Any = None) -> Span:
        return Span(acme.id, acme.timezone, today - timedelta(days=days - 1), today, person_ref)

    month, year, own = span(30), span(365), span(365, UUID(hashlib.md5(b"p1").hexdigest()))  # noqa: S324  the seed's
    kinds: list[tuple[str, Any]] = [
        ("30 days, six groupings", lambda: queries.history(month)),
        ("30 days by person", lambda: queries.history(month, by=(GroupBy.PERSON,))),
        ("30 days by day and person", lambda: queries.history(month, by=(GroupBy.DAY, GroupBy.PERSON))),
        ("today by hour", lambda: queries.hours(span(1))),
        ("31 days by hour", lambda: queries.hours(span(31))),
        ("a year by day", lambda: queries.history(year, by=(GroupBy.DAY,))),
        ("a year by day and person", lambda: queries.history(year, by=(GroupBy.DAY, GroupBy.PERSON))),
        ("a year, six groupings", lambda: queries.history(year)),
        ("one person's year, six groupings", lambda: queries.history(own)),
        ("one person's 31 days by hour", lambda: queries.hours(span(31, own.person_ref))),
    ]
    return [_time(name, work, samples) for name, work in kinds]


def _time(name: str, work: Any, samples: int) -> Samples:
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    found = Samples(name)
    with CaptureQueriesContext(connection) as captured:
        work()
    found.queries = len(captured)
    for _ in range(samples):
        started = time.perf_counter()
        work()
        found.times_ms.append((time.perf_counter() - started) * 1000)
    return found


def measure_addresses(target: Target, samples: int) -> list[Samples]:
    """Through the whole product as its owner, one caller at a time."""
    today = datetime.now(UTC).date()
    days = {name: (today - timedelta(days=count)).isoformat() for name, count in SINCE.items()}
    url = f"http://{target.address.host}:{target.address.port}"
    with httpx2.Client(base_url=url, headers=_as_owner(target), timeout=60) as client:
        return [_ask(client, path.format(**days), samples) for path in (BARE, *ADDRESSES)]


def _as_owner(target: Target) -> dict[str, str]:
    """The key for the API, a session for the pages."""
    from django.conf import settings  # noqa: PLC0415  needs Django
    from django.test import Client  # noqa: PLC0415

    from accounts import queries  # noqa: PLC0415

    user = queries.get_user_by_email(target.demo["acme"]["people"][0]["email"])
    assert user is not None
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    name = settings.SESSION_COOKIE_NAME
    return {"Authorization": f"Bearer {target.key}", "Cookie": f"{name}={client.cookies[name].value}"}


def _ask(client: httpx2.Client, path: str, samples: int) -> Samples:
    found = Samples(f"GET {path}")
    for number in range(samples + WARM_UP):
        started = time.perf_counter()
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        if number >= WARM_UP:
            found.times_ms.append((time.perf_counter() - started) * 1000)
    return found


def _tell(target: Target, found: list[Samples], options: argparse.Namespace, fold_s: float) -> None:
    with target.database() as connection:
        counts = [
            (connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,))[0]  # noqa: S608  our own names
            for table in TABLES
        ]
    rows = [
        (row.name, report.median(row.times_ms), report.percentile(row.times_ms, 0.95), row.queries or "-")
        for row in found
    ]
    report.table(
        ("milliseconds", "p50", "p95", "queries"),
        rows,
        title=f"{counts[0]:,} ledger rows, {counts[1]:,} daily and {counts[2]:,} hourly rollups, {counts[3]:,} totals",
    )
    report.emit(
        "dashboard",
        rows=counts[0],
        daily=counts[1],
        hourly=counts[2],
        totals=counts[3],
        samples=options.samples,
        fold_s=fold_s,
        goal_ms=GOAL_MS,
        p95_ms={row.name: report.percentile(row.times_ms, 0.95) for row in found},
    )
