"""N5: how long the server takes for a page of the demo, and how many queries it asks.

Time is measured over HTTP, one request at a time; queries are counted by Django's test client in this process, on the
same database. The workspace is globex, which no other benchmark fills.
"""

import argparse
import os
import time
from dataclasses import dataclass, field

import django
import uvloop
from django.conf import settings

from bench import report, wire
from bench.target import Target, from_environment

SLUG = "globex"
CONNECTIONS = 4
WARM_UP = 10
GOAL_MS = 80
GOAL_QUERIES = 30


@dataclass
class Page:
    name: str
    path: str
    headers: dict[str, str]
    queries: int = 0
    size: int = 0
    status: int = 0
    seconds: list[float] = field(default_factory=list)


async def _find_pages(target: Target, cookie: str) -> list[Page]:
    key = wire.bearer(target.demo[SLUG]["api_key"])
    session = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}
    answer = await wire.ask(target.address, wire.get("/api/v1/conversations", key))
    conversation = answer.json()["results"][0]["id"]
    root = f"/w/{SLUG}/"
    return [
        Page("dashboard", root, session),
        Page("new chat", f"{root}chat/", session),
        Page("conversation", f"{root}chat/{conversation}/", session),
        Page("assistants", f"{root}assistants/", session),
        Page("new assistant", f"{root}assistants/new/", session),
        Page("API conversations", "/api/v1/conversations", key),
        Page("API assistants", "/api/v1/assistants", key),
    ]


async def measure(target: Target, page: Page, requests: int) -> None:
    connections = [await wire.connect(target.address) for _ in range(CONNECTIONS)]
    raw = wire.get(page.path, page.headers)
    for number in range(requests + WARM_UP):
        at = number % CONNECTIONS
        started = time.perf_counter()
        try:
            answer = await connections[at].exchange(raw)
        except ConnectionError:
            # A server that is slow closes what stood idle for its keep-alive: asked again, beside the clock.
            connections[at] = await wire.connect(target.address)
            started = time.perf_counter()
            answer = await connections[at].exchange(raw)
        if number >= WARM_UP:
            page.seconds.append(time.perf_counter() - started)
        page.status, page.size = answer.status, len(answer.body)
    for connection in connections:
        connection.close()


def sign_in(target: Target, slug: str = SLUG) -> str:
    """A session of the workspace's owner, made in the database that the server reads."""
    from django.test import Client  # noqa: PLC0415  needs the settings

    from accounts import queries  # noqa: PLC0415

    person = target.demo[slug]["people"][0]
    user = queries.get_user_by_email(person["email"])
    assert user is not None
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def count_queries(page: Page, *, times: int = 1) -> None:
    """After a first request; the least of `times`, because what a process keeps for a while is read again at times."""
    from django.db import connection  # noqa: PLC0415  needs the settings
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    client = Client(headers={"Host": "127.0.0.1", **page.headers})
    client.get(page.path)
    counted = []
    for _ in range(times):
        with CaptureQueriesContext(connection) as captured:
            response = client.get(page.path)
        counted.append(len(captured))
        page.status = max(page.status, response.status_code)
    page.queries = min(counted)


def _ms(page: Page, share: float) -> float:
    return report.milliseconds(report.percentile(page.seconds, share))


async def _run(target: Target, cookie: str, requests: int) -> list[Page]:
    pages = await _find_pages(target, cookie)
    for page in pages:
        report.progress(page.name)
        await measure(target, page, requests)
    return pages


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench pages", description=__doc__)
    parser.add_argument(
        "--requests", type=int, default=200, help="of each page, one at a time (default: %(default)s)"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    os.environ["LOG_LEVEL"] = "WARNING"
    django.setup()
    target = from_environment()
    pages = uvloop.run(_run(target, sign_in(target), options.requests))
    for page in pages:
        count_queries(page)
    rows = [
        [page.name, page.status, _ms(page, 0.5), _ms(page, 0.95), page.queries, page.size / 1000]
        for page in pages
    ]
    report.table(("page", "status", "p50 ms", "p95 ms", "queries", "kB"), rows, title="Server time")
    report.chart(f"p95 (goal: {GOAL_MS} ms)", [(page.name, _ms(page, 0.95)) for page in pages], unit="ms")
    report.emit(
        "pages",
        requests=options.requests,
        pages={
            page.name: {"p50_ms": _ms(page, 0.5), "p95_ms": _ms(page, 0.95), "queries": page.queries}
            for page in pages
        },
    )
    failed = [page for page in pages if page.status != 200 or page.queries > GOAL_QUERIES]
    return 1 if failed else 0
