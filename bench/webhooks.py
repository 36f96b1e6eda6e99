"""Events of a billing life in every order, interleaved and dropped; one event from many at once; a lost day."""

import argparse
import itertools
import multiprocessing
import os
import pickle
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import django
from psycopg import sql

from bench import report
from bench.target import Target, from_environment

if TYPE_CHECKING:
    from bench.webhook_orders import Life
    from bench.webhook_rivals import Rivals

SEED = 20260826
ALL_ORDERS = 5040
CHUNK = 60
OF_A_CONTROL = 120
PREFIX = "bench-billing-"


@dataclass
class Tally:
    """Runs, and how many of them ended in anything but the one right state with each effect once."""

    runs: int = 0
    wrong: int = 0
    repaired: int = 0
    looks: int = 0
    seconds: float = 0.0
    examples: list[str] = field(default_factory=list)

    def add(self, wrong: list[str], *, looks: int = 0, was_repaired: bool = False) -> None:
        self.runs += 1
        self.wrong += bool(wrong)
        self.looks += looks
        self.repaired += was_repaired
        self.examples = [*self.examples, *wrong][:5]

    def merge(self, other: "Tally") -> None:
        self.runs += other.runs
        self.wrong += other.wrong
        self.looks += other.looks
        self.repaired += other.repaired
        self.examples = [*self.examples, *other.examples][:5]


# in a lane: a process with a workspace and a life of its own, that nobody else's transactions meet

_lane: dict[str, Any] = {}


def open_lane(packed: bytes) -> None:
    """`packed`: its life and workspace, which cannot be read before the settings are."""
    django.setup()
    _lane["life"], _lane["workspace_id"] = pickle.loads(packed)


def run_orders(start: int, stop: int, step: int, *, is_control: bool = False) -> Tally:
    from bench import webhook_orders  # noqa: PLC0415  needs the settings

    tally, life = Tally(), _lane["life"]
    take = webhook_orders.take_payload if is_control else webhook_orders.take
    for order in itertools.islice(webhook_orders.orders(life), start, stop, step):
        outcome = webhook_orders.run_order(life, _lane["workspace_id"], order, take=take)
        tally.add(outcome.wrong, looks=outcome.looks)
    return tally


def run_interleavings(count: int, seed: int, *, is_control: bool = False) -> Tally:
    from bench import webhook_orders  # noqa: PLC0415  needs the settings

    tally, life = Tally(), _lane["life"]
    for plan in webhook_orders.interleavings(life, count, seed):
        outcome = webhook_orders.run_interleaving(
            life, _lane["workspace_id"], plan, is_numbered=not is_control
        )
        tally.add(outcome.wrong, looks=outcome.looks, was_repaired=outcome.was_repaired)
    return tally


# over all lanes

Job = tuple[Callable[..., Tally], tuple[Any, ...], dict[str, Any]]


def run(name: str, lanes: list[ProcessPoolExecutor], jobs: list[Job]) -> Tally:
    tally, started, total = Tally(), time.perf_counter(), len(jobs)
    waiting, working = iter(jobs), dict[Future[Tally], ProcessPoolExecutor]()
    for lane in lanes:
        _give(lane, waiting, working)
    done = 0
    while working:
        finished, _ = wait(working, return_when=FIRST_COMPLETED)
        for future in finished:
            tally.merge(future.result())
            done += 1
            _give(working.pop(future), waiting, working)
        if done == total or done % max(1, total // 20) == 0:
            report.progress(f"{name}: {tally.runs:,} runs, {tally.wrong} wrong, {done} of {total} parts")
    tally.seconds = time.perf_counter() - started
    return tally


def _give(
    lane: ProcessPoolExecutor, waiting: Iterator[Job], working: dict[Future[Tally], ProcessPoolExecutor]
) -> None:
    job = next(waiting, None)
    if job is not None:
        function, arguments, options = job
        working[lane.submit(function, *arguments, **options)] = lane


def order_jobs(count: int) -> list[Job]:
    """All orders, or so many spread evenly over them."""
    step = max(1, ALL_ORDERS // count)
    parts = range(0, step * count, step * CHUNK)
    return [(run_orders, (start, min(start + step * CHUNK, step * count), step), {}) for start in parts]


def interleaving_jobs(count: int, *, is_control: bool = False) -> list[Job]:
    parts = [min(CHUNK, count - start) for start in range(0, count, CHUNK)]
    return [
        (run_interleavings, (size, SEED + number), {"is_control": is_control})
        for number, size in enumerate(parts)
    ]


# one event from many at once, and a lost day


@dataclass
class LostDay:
    accounts: int
    drift_before: int
    repairs: int
    drift_after: int
    repairs_again: int
    seconds: float
    effects_twice: int


def race(life: "Life", workspace_id: UUID, rounds: int, rivals: int) -> tuple["Rivals", "Rivals"]:
    from bench import webhook_rivals  # noqa: PLC0415  needs the settings
    from bench.threads import at_once  # noqa: PLC0415

    def progress(number: int) -> None:
        if number % max(1, rounds // 5) == 0:
            report.progress(f"the same event {rivals} times at once: {number} of {rounds} rounds")

    options: dict[str, Any] = {"rivals": rivals, "at_once": at_once}
    found = webhook_rivals.run(life, workspace_id, rounds=rounds, progress=progress, **options)
    return found, webhook_rivals.run_control(life, workspace_id, rounds=max(1, rounds // 4), **options)


def lose_a_day(account: Any, workspace_ids: list[UUID]) -> LostDay:
    """Each workspace buys; then one in four changes its plan, is told to end, ends, or goes on. No event comes."""
    from billing.reconciliation import services as reconciliation  # noqa: PLC0415  needs the settings
    from billing.subscriptions.models import BillingEvent  # noqa: PLC0415

    for number, workspace_id in enumerate(workspace_ids):
        customer_id = account.make_customer(workspace_id)
        account.know(workspace_id, customer_id)
        account.live_a_day(account.buy(customer_id, account.prices["pro"]), number % 4)
    account.core.advance(seconds=86_400)
    account.take_events()
    only: dict[str, Any] = {"workspace_ids": workspace_ids}
    with account.serving():
        report.progress("a day of lost events: measuring the drift")
        before, started = reconciliation.measure_drift(**only), time.perf_counter()
        outcome = reconciliation.reconcile(write=report.progress, **only)
        seconds = time.perf_counter() - started
        after, again = reconciliation.measure_drift(**only), reconciliation.reconcile(**only)
    once = ("subscription.started", "subscription.ended", "invoice.paid", "checkout.completed")
    rows = BillingEvent.objects.filter(workspace_id__in=workspace_ids, kind__in=once)
    seen = Counter((kind, str(sorted(data.items()))) for kind, data in rows.values_list("kind", "data"))
    twice = sum(count - 1 for count in seen.values())
    return LostDay(outcome.accounts, before, outcome.repairs, after, again.repairs, seconds, twice)


# the whole


@contextmanager
def workspaces(target: Target, count: int) -> Iterator[list[UUID]]:
    """Of the demo's second owner; removed afterwards, with what billing remembers of them."""
    from accounts import queries, services  # noqa: PLC0415  needs the settings

    owner = queries.get_user_by_email(target.demo["globex"]["people"][0]["email"])
    assert owner is not None
    report.progress(f"making {count} workspaces")
    made = [
        services.create_workspace(
            owner=owner, name=f"Bench {number}", slug=f"{PREFIX}{secrets.token_hex(6)}"
        ).id
        for number in range(count)
    ]
    try:
        yield made
    finally:
        report.progress("cleaning up")
        _remove(target)


def _remove(target: Target) -> None:
    from billing.subscriptions.models import BillingAccount  # noqa: PLC0415  needs the settings
    from tenants.models import Workspace  # noqa: PLC0415

    rows = Workspace.objects.filter(slug__startswith=PREFIX)
    BillingAccount.objects.filter(workspace_id__in=list(rows.values_list("id", flat=True))).delete()
    with target.database() as connection:
        for schema in rows.values_list("schema_name", flat=True):
            connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))
    rows.delete()


def measure(target: Target, options: argparse.Namespace) -> int:
    from django.db import connections  # noqa: PLC0415  needs the settings

    from bench import billing_lives  # noqa: PLC0415

    with ExitStack() as stack:
        account = billing_lives.Account()
        stack.enter_context(account.publishing())
        homes = stack.enter_context(workspaces(target, options.processes + options.accounts))
        crowd, homes = homes[options.processes :], homes[: options.processes]
        lives = [billing_lives.record(account, home) for home in homes]
        connections.close_all()
        context = multiprocessing.get_context("spawn")
        lanes = [
            stack.enter_context(ProcessPoolExecutor(1, context, open_lane, (pickle.dumps(lane),)))
            for lane in zip(lives, homes, strict=True)
        ]
        orders = run("orders", lanes, order_jobs(options.orders))
        mixed = run("interleavings", lanes, interleaving_jobs(options.interleavings))
        part = (run_orders, (0, ALL_ORDERS, ALL_ORDERS // OF_A_CONTROL), {"is_control": True})
        controls = {
            "payload": run("control: what events say", lanes, [part]),
            "unnumbered": run(
                "control: without numbers", lanes, interleaving_jobs(OF_A_CONTROL, is_control=True)
            ),
        }
        rivals, unsafe = race(lives[0], homes[0], options.rounds, options.rivals)
        day = lose_a_day(account, crowd)
    return _show(orders, mixed, controls, rivals, unsafe, day)


def _show(
    orders: Tally, mixed: Tally, controls: dict[str, Tally], rivals: "Rivals", unsafe: "Rivals", day: LostDay
) -> int:
    rows = [
        ("orders of seven events", orders),
        ("interleavings", mixed),
        ("control: events' own contents", controls["payload"]),
        ("control: looks without numbers", controls["unnumbered"]),
    ]
    report.table(
        ("one right state, each effect once", "runs", "wrong", "repaired", "looks", "s"),
        [[name, row.runs, row.wrong, row.repaired, row.looks, row.seconds] for name, row in rows],
    )
    report.table(
        ("the same event many times at once", "rounds", "one effect", "none", "several", "otherwise wrong"),
        [
            [name, row.rounds, row.effects[1], row.effects[0], _several(row), len(row.wrong)]
            for name, row in (("deliveries", rivals), ("control: check, then insert", unsafe))
        ],
    )
    names = ("accounts", "drift before", "repairs", "drift after", "repairs again", "s", "effects twice")
    values = [day.accounts, day.drift_before, day.repairs, day.drift_after, day.repairs_again, day.seconds]
    report.table(("a day of lost events", *names), [["one reconciliation", *values, day.effects_twice]])
    for text in [*orders.examples, *mixed.examples, *rivals.wrong[:5]]:
        print(text)
    report.emit(
        "webhooks",
        orders=asdict(orders),
        interleavings=asdict(mixed),
        controls={name: {"runs": row.runs, "wrong": row.wrong} for name, row in controls.items()},
        rivals={"rounds": rivals.rounds, "effects": dict(rivals.effects), "wrong": len(rivals.wrong)},
        rivals_control={"rounds": unsafe.rounds, "effects": dict(unsafe.effects)},
        lost_day=asdict(day),
    )
    is_right = not (orders.wrong or mixed.wrong or rivals.wrong or day.drift_after or day.effects_twice)
    is_told = all(row.wrong for row in controls.values()) and _several(unsafe) and day.drift_before
    return 0 if is_right and is_told and set(rivals.effects) == {1} else 1


def _several(row: "Rivals") -> int:
    return sum(rounds for count, rounds in row.effects.items() if count > 1)


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench webhooks", description=__doc__)
    parser.add_argument("--orders", type=int, default=ALL_ORDERS, help="(default: all %(default)s)")
    parser.add_argument("--interleavings", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=200, help="of one event at once (default: %(default)s)")
    parser.add_argument("--rivals", type=int, default=8, help="threads at once (default: %(default)s)")
    parser.add_argument("--accounts", type=int, default=20, help="that lose a day (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="(default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    # So that lanes and workspaces are cleaned up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Each repair is a warning, and there are thousands.
    os.environ["LOG_LEVEL"] = "ERROR"
    django.setup()
    return measure(from_environment(), options)
