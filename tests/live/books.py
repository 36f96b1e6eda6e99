"""Closes the books of a set of runs against PostgreSQL: nothing lost, nothing charged twice or for nothing."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from assistants.llm import tokens
from config.local.stack import Stack
from tests.patience import PATIENCE_S

POLL_S = 0.05

ENTRIES = """
SELECT r.id::text, r.state, r.attempt, r.error_code, r.text, r.is_estimated, r.output_tokens,
       COALESCE(m.text, r.text) AS message_text, h.state AS hold_state,
       (SELECT count(*) FROM public.usage_ledgerentry l
         WHERE l.hold_id = r.id AND l.kind = 'settlement' AND l.account = 'workspace') AS settlements,
       (SELECT COALESCE(sum(l.output_tokens), 0)::bigint FROM public.usage_ledgerentry l
         WHERE l.hold_id = r.id AND l.account = 'workspace') AS charged_tokens
FROM {schema}.assistants_run r
JOIN public.usage_hold h ON h.id = r.id
LEFT JOIN {schema}.assistants_message m ON m.id = r.message_id
WHERE r.id = ANY(%s)
"""


@dataclass(frozen=True)
class Entry:
    """A run, its hold, and what its workspace was charged for it."""

    id: str
    state: str
    attempt: int
    error_code: str
    text: str
    is_estimated: bool
    output_tokens: int
    message_text: str
    hold_state: str
    settlements: int
    charged_tokens: int

    @property
    def is_final(self) -> bool:
        return self.state in ("done", "stopped", "failed")


@dataclass
class Findings:
    """Run ids by what is wrong with them. All empty: the books close."""

    missing: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    charged_twice: list[str] = field(default_factory=list)
    charged_undelivered: list[str] = field(default_factory=list)
    not_charged: list[str] = field(default_factory=list)
    charged_too_much: list[str] = field(default_factory=list)
    text_differs: list[str] = field(default_factory=list)


def examine(entries: Iterable[Entry], asked: Iterable[str]) -> Findings:
    """`asked`: every run that the product accepted."""
    found = Findings()
    by_id = {entry.id: entry for entry in entries}
    found.missing = [run_id for run_id in asked if run_id not in by_id]
    for entry in by_id.values():
        checks = {
            "lost": not entry.is_final or entry.hold_state == "held",
            "charged_twice": entry.settlements > 1,
            "charged_undelivered": entry.settlements > 0 and not entry.text,
            "not_charged": entry.settlements == 0 and bool(entry.text),
            "charged_too_much": entry.charged_tokens > most_chargeable(entry),
            "text_differs": entry.message_text != entry.text,
        }
        for name in (name for name, is_wrong in checks.items() if is_wrong):
            getattr(found, name).append(entry.id)
    return found


def most_chargeable(entry: Entry) -> int:
    """What was delivered; the provider's own count where it gave one, which the run shows to its reader."""
    return tokens.count(entry.text) if entry.is_estimated else entry.output_tokens


class Books:
    def __init__(self, stack: Stack, workspace: str = "acme") -> None:
        self.url = stack.environment["DATABASE_URL"]
        with self.connect() as connection:
            query = "SELECT id, schema_name FROM public.tenants_workspace WHERE slug = %s"
            row = connection.execute(query, [workspace]).fetchone()
        assert row
        self.workspace_id, self.schema = row

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url, autocommit=True, connect_timeout=5, application_name="books", **more)

    def read(self, run_ids: Iterable[str], connection: psycopg.Connection[Any] | None = None) -> list[Entry]:
        if connection is None:
            with self.connect() as own:
                return self.read(run_ids, own)
        query = sql.SQL(ENTRIES).format(schema=sql.Identifier(self.schema))
        with connection.cursor(row_factory=class_row(Entry)) as cursor:
            return cursor.execute(query, [list(run_ids)]).fetchall()

    def wait_final(self, run_ids: Iterable[str], *, since: float | None = None) -> float:
        """Seconds from `since` (monotonic) until the last run was final; fails when patience is over."""
        wanted, since = set(run_ids), since or time.monotonic()
        unfinished: Any = wanted
        while True:
            try:
                entries = self.read(wanted)
                settled = {e.id for e in entries if e.is_final and e.hold_state != "held"}
                unfinished = {e for e in entries if e.id not in settled} or wanted - settled
            except psycopg.OperationalError as error:
                unfinished = error
            took = time.monotonic() - since
            if not unfinished:
                return took
            assert took < PATIENCE_S, f"not final after {took:.1f} s: {unfinished}"
            time.sleep(POLL_S)

    def close(self, run_ids: Iterable[str]) -> list[Entry]:
        """The entries, after a check that nothing is lost, charged twice, or charged without being delivered."""
        wanted = list(run_ids)
        entries = self.read(wanted)
        assert examine(entries, wanted) == Findings()
        return entries

    def scalar(self, query: str, parameters: Iterable[Any] = ()) -> Any:
        with self.connect() as connection:
            row = connection.execute(query, list(parameters)).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None


def eventually(check: Callable[[], Any], *, within_s: float = PATIENCE_S, what: str = "") -> Any:
    """The first true value of `check`."""
    deadline = time.monotonic() + within_s
    while not (value := check()):
        assert time.monotonic() < deadline, f"not so within {within_s} s: {what or check}"
        time.sleep(POLL_S)
    return value
