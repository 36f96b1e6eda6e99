"""Sees every change of every counter, and reads the books of a race afterwards.

A trigger writes down what is used and held together at each single update, also those within one transaction: nothing
can pass between two samples.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import psycopg

from bench.target import Target

BEGIN = """
CREATE UNLOGGED TABLE IF NOT EXISTS bench_seen (counter bigint NOT NULL, together bigint NOT NULL);
CREATE OR REPLACE FUNCTION bench_see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO bench_seen VALUES (NEW.id, NEW.used + NEW.held); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER bench_watch AFTER UPDATE ON usage_counter FOR EACH ROW EXECUTE FUNCTION bench_see();
"""
END = """
DROP TRIGGER IF EXISTS bench_watch ON usage_counter;
DROP FUNCTION IF EXISTS bench_see();
DROP TABLE IF EXISTS bench_seen;
"""
BOOKED = {
    "messages": "messages",
    "tokens": "input_tokens + output_tokens",
    "cost_micro": "cost_micro",
    "images": "images",
    "audio_in_ms": "audio_in_ms",
    "audio_out_ms": "audio_out_ms",
}
BOOKS = """
SELECT count(DISTINCT h.id) FILTER (WHERE h.state = 'settled'), count(e.id), COALESCE(sum({amount}), 0),
       count(r.id), count(DISTINCT h.id) FILTER (WHERE h.state IN ('held', 'waiting'))
FROM usage_hold h
LEFT JOIN usage_ledgerentry e ON e.hold_id = h.id AND e.account = 'workspace'
LEFT JOIN usage_receipt r ON r.hold_id = h.id AND e.id IS NOT NULL
WHERE h.workspace_id = %(workspace)s AND h.created_at >= %(since)s
"""
EARLY = """
SELECT count(*) FROM usage_hold h
WHERE h.workspace_id = %(workspace)s AND h.created_at >= %(since)s AND h.release_reason = 'quota_exceeded'
  AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(h.lines) l
                  WHERE (l ->> 'used')::bigint + %(least)s > (l ->> 'line')::bigint)
"""


@dataclass(frozen=True)
class Seen:
    """Of one counter: the most that was used and held together, and how many changes of it were seen."""

    most: int
    changes: int


@dataclass(frozen=True)
class Books:
    """`live`: holds that have not ended. `early`: waiting calls refused while one more would have fitted."""

    settled: int
    entries: int
    booked: int
    receipts: int
    live: int
    early: int


@contextmanager
def watching(target: Target) -> Iterator[None]:
    with target.database() as connection:
        connection.execute(END + BEGIN)
    try:
        yield
    finally:
        with target.database() as connection:
            connection.execute(END)


def forget(connection: psycopg.Connection) -> None:
    connection.execute("TRUNCATE bench_seen")


def seen(connection: psycopg.Connection) -> dict[int, Seen]:
    rows = connection.execute("SELECT counter, max(together), count(*) FROM bench_seen GROUP BY 1").fetchall()
    return {counter: Seen(most, changes) for counter, most, changes in rows}


def books(
    connection: psycopg.Connection, *, workspace_id: UUID, since: object, meter: str, least: int
) -> Books:
    """What was written since then; `least`: the smallest amount that a call could have been given."""
    values = {"workspace": workspace_id, "since": since, "least": least}
    statement = BOOKS.format(amount=BOOKED[meter])
    row = connection.execute(statement, values).fetchone()
    early = connection.execute(EARLY, values).fetchone()
    assert row is not None
    assert early is not None
    return Books(*(int(value) for value in (*row, *early)))
