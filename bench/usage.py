"""Limits under parallel calls, and what a hold costs (N3, N4).

Parallel calls on limits worth a few: how many are served, how the others are refused, and the most that was ever used
and held together. Then hold, settlement and ledger entry from 16 client processes beside a synchronous single-row
UPDATE of the same run. `--operations N` instead: N random operations from the same processes, then the invariants.
"""

import argparse
import asyncio
from uuid import UUID, uuid4

import uvloop

from bench import clients, report
from bench.target import Target, from_environment
from bench.usage_calls import Outcome, Race, call, measure, request

MIN_USEFUL = 64
RACES = (
    Race("messages", "messages", 10, 20),
    Race("tokens", "tokens", 10, 20),
    Race("cost", "cost_micro", 10, 20),
    Race("cost, no max_tokens", "cost_micro", 50, None),
)
GOALS = {"hot": 0.5, "spread": 1.5}
SPREAD = 1000


async def _race(target: Target, race: Race, callers: int) -> Outcome:
    workspace_id = UUID(target.workspace()[0])
    await asyncio.to_thread(_set_limit, workspace_id, race.meter, None)
    assert await call(target, request(target, race.max_tokens)) == "served"
    limit = await asyncio.to_thread(_worth, workspace_id, race)
    await asyncio.to_thread(_set_limit, workspace_id, race.meter, limit)
    return await measure(target, race, callers=callers, workspace_id=workspace_id, limit=limit)


def _set_limit(workspace_id: UUID, meter: str, amount: int | None) -> None:
    from bench import holding  # noqa: PLC0415  after Django's setup
    from usage.limits.services import LimitSpec  # noqa: PLC0415

    spec = LimitSpec(meter, "total", 10**15 if amount is None else amount, block_percent=100)
    holding.give_plan(workspace_id, (spec,))


def _worth(workspace_id: UUID, race: Race) -> int:
    """What is used now, and what so many calls like the last one use: the last of them must be able to begin."""
    from usage import ledger  # noqa: PLC0415
    from usage.holds.types import Amount  # noqa: PLC0415
    from usage.models import Counter, Hold  # noqa: PLC0415

    hold = Hold.objects.filter(workspace_id=workspace_id, state="settled").latest("resolved_at")
    entry = ledger.entry_of(hold.id)
    assert entry is not None
    one = {"messages": 1, "tokens": entry.input_tokens + entry.output_tokens, "cost_micro": entry.cost_micro}[
        race.meter
    ]
    least = Amount(*hold.request["meters"][race.meter]).at(race.max_tokens or MIN_USEFUL)
    used = Counter.objects.get(workspace_id=workspace_id, meter=race.meter, window="total").used
    return used + (race.worth - 1) * one + max(one, least)


def _races(target: Target, callers: int) -> list[Outcome]:
    async def run() -> list[Outcome]:
        return [await _race(target, race, callers) for race in RACES]

    return uvloop.run(run())


def _pieces(callers: int) -> Outcome:
    from bench import holding  # noqa: PLC0415
    from usage.limits.services import LimitSpec  # noqa: PLC0415
    from usage.models import Counter  # noqa: PLC0415

    workspace_id = uuid4()
    holding.give_plan(workspace_id, (LimitSpec("images", "total", 20, block_percent=100),))
    parts = clients.run(16, holding.take_pieces, workspace_id, callers // 16 + 1, "images", 2)
    outcome = Outcome(Race("images (service level)", "images", 10, None), 20)
    for part in parts:
        outcome.served += part.pop("served", 0)
        outcome.refused.update(part)
    row = Counter.objects.get(workspace_id=workspace_id)
    outcome.used = outcome.most = row.used + row.held
    return outcome


def _show_races(outcomes: list[Outcome], control: int) -> None:
    header = (
        "limit",
        "worth",
        "served",
        "refused",
        "limit's amount",
        "most used + held",
        "used",
        "s",
        "exact",
    )
    rows = [
        [
            item.race.name, item.race.worth, item.served, ", ".join(f"{n} × {why}" for why, n in item.refused.items()),
            item.limit, item.most, item.used, item.seconds, "yes" if item.is_exact else "NO",
        ]
        for item in outcomes
    ]  # fmt: skip
    report.table(header, rows, title="Parallel calls on a limit")
    print(f"\nControl: a check followed by an addition let {control} through on a limit of 10.")


def _prepare_rows(target: Target) -> None:
    with target.database() as connection:
        connection.execute("DROP TABLE IF EXISTS bench_row")
        connection.execute("CREATE TABLE bench_row (id int PRIMARY KEY, used bigint) WITH (fillfactor = 50)")
        connection.execute("INSERT INTO bench_row SELECT n, 0 FROM generate_series(0, 999) n")


def _rate(parts: list[tuple[int, float]]) -> float:
    return sum(done / seconds for done, seconds in parts)


def _measure_rates(target: Target, seconds: float, processes: int) -> dict[str, float]:
    from bench import holding  # noqa: PLC0415

    _prepare_rows(target)
    holding.limit_platform()
    holding.correct(600_000)
    hot, spread = [uuid4()], [uuid4() for _ in range(SPREAD)]
    for workspace_id in (*hot, *spread):
        holding.give_plan(workspace_id)
    rates: dict[str, float] = {}
    for name, work, arguments in (
        ("update", holding.update_row, (1, seconds)),
        ("warm-up", holding.cycle, (spread, seconds / 2)),
        ("hot", holding.cycle, (hot, seconds)),
        ("spread", holding.cycle, (spread, seconds)),
        ("update again", holding.update_row, (1, seconds)),
    ):
        report.progress(name)
        rates[name] = _rate(clients.run(processes, work, *arguments))
    return rates


def _show_rates(rates: dict[str, float], processes: int) -> dict[str, float]:
    base = (rates["update"] + rates["update again"]) / 2
    ratios = {name: rates[name] / base for name in GOALS}
    rows: list[list[object]] = [["UPDATE … RETURNING of one row", base, 1.0, "-"]]
    rows += [
        [f"hold + settle + ledger, {name}", rates[name], ratios[name], f"≥ {GOALS[name]}"] for name in GOALS
    ]
    title = f"{processes} client processes, one platform limit set, synchronous commits"
    report.table(("what", "per second", "ratio", "goal"), rows, title=title)
    return ratios


def _operate(options: argparse.Namespace) -> int:
    from bench import holding  # noqa: PLC0415
    from usage.reconciliation import invariants  # noqa: PLC0415

    workspaces = [uuid4() for _ in range(8)]
    for workspace_id in workspaces:
        holding.give_plan(workspace_id)
    holding.limit_platform()
    holding.correct(600_000)
    share = max(1, min(20_000, options.operations // 16 // 5))
    done, violations, totals = 0, 0, dict.fromkeys(holding.OPERATIONS, 0)
    while done < options.operations:
        parts = clients.run(16, holding.operate, options.seed + done, workspaces, share)
        for part in parts:
            for name, count in part.items():
                totals[name] += count
        done += 16 * share
        found = [row for row in invariants.check(workspace_ids=workspaces) if row.invariant != "I6"]
        violations += len(found)
        report.progress(f"{done:,} of {options.operations:,} operations, {len(found)} invariants broken")
    holding.end_everything(workspaces)
    left = [row for row in invariants.check(workspace_ids=workspaces) if row.invariant != "I6"]
    drift = sum(abs(row.found - row.expected) for row in left)
    report.table(("operation", "count"), [[name, f"{count:,}"] for name, count in totals.items()])
    report.emit("usage", operations=done, seed=options.seed, broken=violations, drift=drift, by_kind=totals)
    return 1 if violations or drift else 0


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench usage", description=__doc__)
    parser.add_argument("--callers", type=int, default=200, help="parallel calls (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="of each rate (default: %(default)s)")
    parser.add_argument(
        "--clients", type=int, default=16, help="processes of the rates (default: %(default)s)"
    )
    parser.add_argument("--only", choices=("races", "rates"), default="")
    parser.add_argument("--operations", type=int, default=0, help="random operations instead")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = _arguments(arguments)
    target = from_environment()
    clients.set_up()
    if options.operations:
        return _operate(options)
    from bench import holding  # noqa: PLC0415

    outcomes: list[Outcome] = []
    control, ratios, rates = 0, {}, {}
    if options.only != "rates":
        outcomes = [*_races(target, options.callers), _pieces(options.callers)]
        _prepare_rows(target)
        control = sum(clients.run(16, holding.check_then_add, 10, options.callers // 16 + 1))
        _show_races(outcomes, control)
    if options.only != "races":
        rates = _measure_rates(target, options.seconds, options.clients)
        ratios = _show_rates(rates, options.clients)
    figures = [
        {
            "limit": item.race.name, "worth": item.race.worth, "served": item.served, "refused": dict(item.refused),
            "amount": item.limit, "most": item.most, "used": item.used, "seconds": item.seconds,
        }
        for item in outcomes
    ]  # fmt: skip
    report.emit("usage", races=figures, control=control, per_second=rates, ratios=ratios)
    is_met = all(ratios.get(name, goal) >= goal for name, goal in GOALS.items())
    return 0 if is_met and all(item.is_exact for item in outcomes) and control != 10 else 1
