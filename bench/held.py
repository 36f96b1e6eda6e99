"""What the product holds at one moment: database and Redis connections, open files, memory."""

from dataclasses import asdict, dataclass

from bench import processes
from bench.target import Target

COUNT = """
SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> 'bench' AND backend_type = 'client backend'
"""


@dataclass(frozen=True)
class Held:
    """`database_busy`: connections within a statement or a transaction. Memory is RSS in MiB."""

    database: int
    database_busy: int
    redis: int
    web_files: int
    web_mib: float
    workers_mib: float

    def figures(self) -> dict[str, float]:
        return asdict(self)


def count(target: Target) -> Held:
    with target.database() as connection:
        row = connection.execute(COUNT).fetchone()
    assert row is not None
    redis = target.redis()
    try:
        redis_clients = int(redis.info("clients")["connected_clients"]) - 1
    finally:
        redis.close()
    usages = processes.take(target)
    return Held(
        database=row[0],
        database_busy=row[1],
        redis=redis_clients,
        web_files=sum(worker.num_fds() for worker in processes.web_workers(target)),
        web_mib=_memory(usages, "web worker"),
        workers_mib=_memory(usages, "worker"),
    )


def _memory(usages: processes.Snapshot, prefix: str) -> float:
    return sum(usage.rss for name, usage in usages.items() if name.startswith(prefix)) / 2**20


HEADER = (
    "moment",
    "database connections",
    "of them busy",
    "Redis connections",
    "web files",
    "web MiB",
    "workers MiB",
)


def row(moment: str, held: Held) -> list[object]:
    return [
        moment,
        held.database,
        held.database_busy,
        held.redis,
        held.web_files,
        held.web_mib,
        held.workers_mib,
    ]
