"""What a hold costs (N4): hold, settlement and ledger entry beside a synchronous single-row UPDATE of the same run."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from bench import clients, report
from bench.target import Target

GOALS = {"hot": 0.5, "spread": 1.5}
SPREAD = 1000


def measure(target: Target, *, seconds: float, processes: int, flush_ms: float) -> dict[str, float]:
    """Per second: of the UPDATE (before and after), and of the cycle in one workspace and spread over a thousand."""
    from bench import holding  # noqa: PLC0415  after Django's setup

    _prepare_rows(target)
    holding.limit_platform()
    holding.correct(600_000)
    hot, spread = [uuid4()], [uuid4() for _ in range(SPREAD)]
    for workspace_id in (*hot, *spread):
        holding.give_plan(workspace_id)
    rates: dict[str, float] = {}
    with _flush_takes(target, flush_ms):
        for name, work, arguments in (
            ("update", holding.update_row, (1, seconds)),
            ("warm-up", holding.cycle, (spread, seconds / 2)),
            ("hot", holding.cycle, (hot, seconds)),
            ("spread", holding.cycle, (spread, seconds)),
            ("update again", holding.update_row, (1, seconds)),
        ):
            report.progress(f"{name}, {flush_ms:g} ms more per flush")
            parts: list[tuple[int, float]] = clients.run(processes, work, *arguments)
            rates[name] = sum(done / spent for done, spent in parts)
    return rates


@contextmanager
def _flush_takes(target: Target, more_ms: float) -> Iterator[None]:
    """Lets each flush of the log take longer, as on a disk at the end of a network: PostgreSQL's own `commit_delay`.

    New sessions only. As with a slow disk, all that wait for one flush share it.
    """
    microseconds = round(more_ms * 1000)
    with target.database() as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET commit_delay = {microseconds}')
        connection.execute(f'ALTER DATABASE "{name}" SET commit_siblings = 0')
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" RESET commit_delay')
            connection.execute(f'ALTER DATABASE "{name}" RESET commit_siblings')


def _prepare_rows(target: Target) -> None:
    with target.database() as connection:
        connection.execute("DROP TABLE IF EXISTS bench_row")
        connection.execute("CREATE TABLE bench_row (id int PRIMARY KEY, used bigint) WITH (fillfactor = 50)")
        connection.execute("INSERT INTO bench_row SELECT n, 0 FROM generate_series(0, 999) n")


def show(by_flush: dict[float, dict[str, float]], processes: int) -> dict[str, dict[str, float]]:
    """Prints the table. Returns the ratios: {milliseconds more per flush: {hot, spread}}."""
    rows: list[list[object]] = []
    ratios: dict[str, dict[str, float]] = {}
    for flush_ms, rates in by_flush.items():
        base = (rates["update"] + rates["update again"]) / 2
        ratios[f"{flush_ms:g}"] = {name: rates[name] / base for name in GOALS}
        rows.append([f"{flush_ms:g}", "UPDATE … RETURNING of one row", base, 1.0, "-"])
        rows += [
            [f"{flush_ms:g}", f"hold + settle + ledger, {name}", rates[name], rates[name] / base, f"≥ {goal}"]
            for name, goal in GOALS.items()
        ]
    title = f"{processes} client processes, one platform limit set, synchronous commits"
    report.table(("ms more per flush", "what", "per second", "ratio", "goal"), rows, title=title)
    return ratios
