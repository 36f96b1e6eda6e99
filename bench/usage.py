"""Limits under parallel calls, and what a hold costs (N3, N4).

Parallel calls on limits worth a few, through three web and three model processes and then through one of each: how
many are served, how the others are refused, and the most that was ever used and held together. Then hold, settlement
and ledger entry from 16 client processes beside a synchronous single-row UPDATE of the same run. `--operations N`
instead: N random operations from several processes, the books checked as they grow; `--resume` goes on with the last.
"""

import argparse
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bench import clients, report, usage_rates
from bench.target import Target, from_environment

if TYPE_CHECKING:
    from bench.usage_races import Outcome


def _race(target: Target, options: argparse.Namespace) -> dict[str, Any]:
    from bench import usage_pieces, usage_races  # noqa: PLC0415  after Django's setup

    three = usage_races.run_all(target, options.callers)
    done = usage_races.tasks_done()
    pieces = usage_pieces.run_all(target, options.callers)
    controls = usage_pieces.run_controls(target, options.callers)
    usage_races.keep_one_process(target)
    one = usage_races.run_all(target, options.callers, names=usage_races.ONE_PROCESS)
    count = len(done)
    _show_races(three, f"{options.callers} parallel calls, {count} web and {count} model processes")
    print(f"Runs taken up by each model process: {', '.join(str(number) for number in done.values())}")
    _show_races(pieces, f"{options.callers} parallel runs of other kinds, {usage_pieces.PROCESSES} processes")
    _show_races(one, f"{options.callers} parallel calls, one web and one model process")
    _show_controls(controls, options.callers)
    groups = {"three": three, "pieces": pieces, "one": one}
    return {
        "races": {name: [item.figures() for item in outcomes] for name, outcomes in groups.items()},
        "taken_up": done,
        "controls": [item.figures() for item in controls],
        "is_exact": all(item.is_exact for outcomes in groups.values() for item in outcomes)
        and all(item.most > item.line for item in controls),
    }


def _show_races(outcomes: "list[Outcome]", title: str) -> None:
    header = (
        "limit", "worth", "served", "refused", "too early", "amount", "block line", "most used + held", "used",
        "receipts", "changes seen", "s", "web processes", "exact",
    )  # fmt: skip
    rows = [
        [
            item.name, item.expected, item.served, sum(item.refused.values()), item.early, item.amount, item.line,
            item.most, item.used, item.receipts, item.changes, item.seconds,
            "+".join(str(count) for count in item.by_web_process) or "-", "; ".join(item.faults) or "yes",
        ]
        for item in outcomes
    ]  # fmt: skip
    report.table(header, rows, title=title)


def _show_controls(outcomes: "list[Outcome]", callers: int) -> None:
    header = ("meter", "worth", "let through", "limit", "most used", "caught")
    rows = [
        [
            item.name,
            item.expected,
            item.served,
            item.line,
            item.most,
            "yes" if item.most > item.line else "NO",
        ]
        for item in outcomes
    ]
    title = f"Control: {callers} callers who check first and add afterwards, under the same watch"
    report.table(header, rows, title=title)


def _operate(target: Target, options: argparse.Namespace) -> int:
    from bench import usage_operations as operations  # noqa: PLC0415

    path = target.state_file.parent / "operations.json"
    progress = operations.resume(path) if options.resume else operations.begin(options.seed)
    with _beat_paused(target):
        operations.run(
            progress, operations=options.operations, processes=options.clients, every=options.every, path=path
        )
        left = operations.end(progress, path)
    report.table(
        ("operation", "count"), [[name, f"{count:,}"] for name, count in progress.counts.most_common()]
    )
    print(f"\nBroken on the way: {len(progress.broken)}. Drift at the end: {len(left)}.")
    for line in (*progress.broken[:20], *left[:20]):
        print(line)
    report.emit("usage", **operations.figures(progress, left))
    return 1 if progress.broken or left or progress.counts["deadlock"] else 0


@contextmanager
def _beat_paused(target: Target) -> Iterator[None]:
    """Expired leases are the operations' own business: nobody sweeps them away meanwhile."""
    beat = target.pids()["beat"]
    os.kill(beat, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(beat, signal.SIGCONT)


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench usage", description=__doc__)
    parser.add_argument("--callers", type=int, default=200, help="parallel calls (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="of each rate (default: %(default)s)")
    parser.add_argument(
        "--clients", type=int, default=16, help="processes of rates and operations (default: %(default)s)"
    )
    parser.add_argument(
        "--flush-ms",
        default="0",
        help="rates with so much more per flush, such as 0,1,4 (default: %(default)s)",
    )
    parser.add_argument("--only", choices=("races", "rates"), default="")
    parser.add_argument("--operations", type=int, default=0, help="random operations instead")
    parser.add_argument(
        "--every", type=int, default=20_000, help="operations between two checks (default: %(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the last operations")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    target = from_environment()
    clients.set_up()
    if options.operations:
        return _operate(target, options)
    races: dict[str, Any] = {}
    ratios: dict[str, dict[str, float]] = {}
    rates: dict[float, dict[str, float]] = {}
    if options.only != "races":
        for flush_ms in (float(value) for value in options.flush_ms.split(",")):
            rates[flush_ms] = usage_rates.measure(
                target, seconds=options.seconds, processes=options.clients, flush_ms=flush_ms
            )
        ratios = usage_rates.show(rates, options.clients)
    if options.only != "rates":
        races = _race(target, options)
    report.emit("usage", **races, per_second=rates, ratios=ratios)
    first = next(iter(ratios.values()), usage_rates.GOALS)
    is_met = all(first[name] >= goal for name, goal in usage_rates.GOALS.items())
    return 0 if is_met and races.get("is_exact", True) else 1
