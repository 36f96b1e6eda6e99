"""Reads the rows, the ledger and the provider's records of runs, to compare them with what viewers saw."""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from bench import wire
from bench.target import Target


@dataclass
class Books:
    """All there is about one run. `attempts`: the provider's records of it."""

    run_id: str
    state: str
    text: str
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    hold_state: str
    settlements: int
    charged_tokens: int
    receipts: int
    attempts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        return self.state in ("done", "stopped", "failed") and self.hold_state in ("settled", "released")

    def provider_s(self) -> float | None:
        """The provider's own time to its first token, of the attempt that ended the run."""
        if not self.attempts or self.attempts[-1]["first_at"] is None:
            return None
        record = self.attempts[-1]
        return float(record["first_at"] - record["started_at"])

    def is_what_the_provider_said(self) -> bool:
        digest = hashlib.sha256(self.text.encode()).hexdigest() if self.text else ""
        return bool(self.attempts) and self.attempts[-1]["text_sha256"] == digest


READ = """
SELECT r.id::text, r.state, r.text, r.attempt, r.created_at, r.started_at, r.finished_at, h.state,
       count(l.id), coalesce(sum(l.output_tokens), 0),
       (SELECT count(*) FROM usage_receipt c WHERE c.hold_id = r.id)
FROM {run} r JOIN usage_hold h ON h.id = r.id
LEFT JOIN usage_ledgerentry l ON l.hold_id = r.id AND l.kind = 'settlement' AND l.account = 'workspace'
WHERE r.kind = 'reply' AND (r.id = ANY(%s) OR r.created_at >= to_timestamp(%s))
GROUP BY r.id, h.id
"""


def read(target: Target, run_ids: Iterable[str], *, since: float = math.inf) -> dict[str, Books]:
    """By run id: of these runs, and of all replies since (Unix time): memories and vectors have no text.
    One without a row is missing here."""
    _, schema = target.workspace()
    with target.database() as connection:
        return read_from(connection, schema, run_ids, since=since)


def read_from(
    connection: psycopg.Connection, schema: str, run_ids: Iterable[str], *, since: float = math.inf
) -> dict[str, Books]:
    statement = sql.SQL(READ).format(run=sql.Identifier(schema, "assistants_run"))
    rows = connection.execute(statement, [list(run_ids), since]).fetchall()
    return {row[0]: Books(*row) for row in rows}


def count_unfinished(target: Target) -> int:
    """Holds of the whole platform without an end."""
    with target.database() as connection:
        row = connection.execute(
            "SELECT count(*) FROM usage_hold WHERE state IN ('held', 'waiting')"
        ).fetchone()
    return int(row[0]) if row else 0


async def reset_provider(target: Target) -> None:
    await wire.ask(target.simulator, wire.post("/_sim/reset", {}))


async def add_provider_records(target: Target, books: dict[str, Books]) -> None:
    """The provider keeps the last 10,000 requests; their client request id is `<run>-<attempt>`."""
    answer = await wire.ask(target.simulator, wire.get("/_sim/requests"))
    by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in json.loads(answer.body)["requests"]:
        by_run[record["client_request_id"].rpartition("-")[0]].append(record)
    for run_id, entry in books.items():
        entry.attempts = by_run.get(run_id, [])
