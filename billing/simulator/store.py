"""The books of the simulated payment service: what is written here stays, whatever becomes of the caller's transaction.

Both stores speak one protocol: `with store.transaction() as books:` is one request, alone among all processes.
"""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg
from django.conf import settings

from billing.simulator.core.errors import Json

TABLE = "public.stripe_simulator_object"
COLUMNS = "kind, id, customer, parent, status, key, created, due_at, data, meta, seq"
# One request at a time, in all processes of a database.
BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock(7419206); SELECT coalesce(max(seq), 0) FROM {TABLE}"  # noqa: S608
GET = f"SELECT {COLUMNS} FROM {TABLE} WHERE kind = %s AND id = %s"  # noqa: S608  constants
# fmt: off
WRITE = f"""
INSERT INTO {TABLE} ({COLUMNS})
SELECT kind, id, customer, parent, status, key, created, due_at, data, meta, seq
FROM jsonb_to_recordset(%s::jsonb) AS new
    (kind text, id text, customer text, parent text, status text, key text, created bigint, due_at bigint, data jsonb,
     meta jsonb, seq bigint)
ON CONFLICT (kind, id) DO UPDATE SET customer = EXCLUDED.customer, parent = EXCLUDED.parent, status = EXCLUDED.status,
    key = EXCLUDED.key, created = EXCLUDED.created, due_at = EXCLUDED.due_at, data = EXCLUDED.data, meta = EXCLUDED.meta
"""  # noqa: S608
# fmt: on


@dataclass
class Row:
    """An object in the books; whoever changes it also writes it (`Books.write`)."""

    kind: str
    id: str
    data: Json
    meta: Json = field(default_factory=dict)
    customer: str = ""
    parent: str = ""
    status: str = ""
    key: str = ""
    created: int = 0
    due_at: int | None = None
    seq: int = 0


@dataclass(frozen=True)
class Query:
    """What a list asks for. Newest first, unless `oldest_first`; `above` and `below` are places (`seq`)."""

    kind: str
    customer: str | None = None
    parent: str | None = None
    key: str | None = None
    statuses: tuple[str, ...] = ()
    created_from: int | None = None
    created_to: int | None = None
    above: int | None = None
    below: int | None = None
    oldest_first: bool = False
    limit: int | None = None

    def matches(self, row: Row) -> bool:
        return (
            row.kind == self.kind
            and self.customer in (None, row.customer)
            and self.parent in (None, row.parent)
            and self.key in (None, row.key)
            and (not self.statuses or row.status in self.statuses)
            and (self.created_from is None or row.created >= self.created_from)
            and (self.created_to is None or row.created <= self.created_to)
            and (self.above is None or row.seq > self.above)
            and (self.below is None or row.seq < self.below)
        )


class Backend(Protocol):
    """What a kind of store does for one open transaction."""

    def read(self, kind: str, id: str) -> Row | None: ...
    def select(self, query: Query) -> list[Row]: ...
    def first_due(self, until: int) -> Row | None: ...
    def save(self, rows: list[Row]) -> None: ...
    def delete(self, kind: str, id: str) -> None: ...


class Books:
    """One transaction. Every object is there once: who reads it twice gets the same row. Writes wait."""

    def __init__(self, backend: Backend, last_seq: int) -> None:
        self._backend, self._last_seq = backend, last_seq
        self._rows: dict[tuple[str, str], Row | None] = {}
        self._unsaved: dict[tuple[str, str], Row] = {}

    def get(self, kind: str, id: str) -> Row | None:
        name = (kind, id)
        if name not in self._rows:
            self._rows[name] = self._backend.read(kind, id)
        return self._rows[name]

    def write(self, row: Row) -> None:
        if not row.seq:
            self._last_seq += 1
            row.seq = self._last_seq
        self._rows[row.kind, row.id] = self._unsaved[row.kind, row.id] = row

    def lend(self, row: Row) -> None:
        """As if it were there, for this transaction."""
        self._rows[row.kind, row.id] = row

    def remove(self, kind: str, id: str) -> None:
        self.flush()
        self._rows[kind, id] = None
        self._backend.delete(kind, id)

    def find(self, kind: str, **wanted: Any) -> list[Row]:
        self.flush()
        return [self._known(row) for row in self._backend.select(Query(kind, **wanted))]

    def first_due(self, until: int) -> Row | None:
        """What happens next by the clock, if that is no later than `until`."""
        self.flush()
        row = self._backend.first_due(until)
        return self._known(row) if row else None

    def _known(self, row: Row) -> Row:
        known = self._rows.get((row.kind, row.id))
        if known is not None:
            return known
        self._rows[row.kind, row.id] = row
        return row

    def flush(self) -> None:
        if self._unsaved:
            self._backend.save(list(self._unsaved.values()))
            self._unsaved.clear()


class Store(Protocol):
    def transaction(self) -> AbstractContextManager[Books]:
        """Alone until it ends; what it wrote is kept unless it raises."""

    def clear(self) -> None:
        """Forgets everything."""


class MemoryStore:
    """For quick runs in one process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: dict[tuple[str, str], str] = {}
        self._heads: dict[str, dict[str, Row]] = {}
        self._undo: list[tuple[tuple[str, str], str | None]] = []
        self._last_seq = 0

    @contextmanager
    def transaction(self) -> Iterator[Books]:
        with self._lock:
            self._undo = []
            books, is_done = Books(self, self._last_seq), False
            try:
                yield books
                books.flush()
                is_done = True
            finally:
                if not is_done:
                    for name, before in reversed(self._undo):
                        self._put(name, before)

    def clear(self) -> None:
        with self._lock:
            self._rows.clear()
            self._heads.clear()

    def _put(self, name: tuple[str, str], text: str | None) -> None:
        kind, id = name
        if text is None:
            self._rows.pop(name, None)
            self._heads.get(kind, {}).pop(id, None)
            return
        self._rows[name] = text
        head = _row_of(text)
        head.data, head.meta = {}, {}
        self._heads.setdefault(kind, {})[id] = head
        self._last_seq = max(self._last_seq, head.seq)

    def read(self, kind: str, id: str) -> Row | None:
        text = self._rows.get((kind, id))
        return _row_of(text) if text is not None else None

    def select(self, query: Query) -> list[Row]:
        heads = [head for head in self._heads.get(query.kind, {}).values() if query.matches(head)]
        heads.sort(key=lambda head: head.seq, reverse=not query.oldest_first)
        return [_row_of(self._rows[head.kind, head.id]) for head in heads[: query.limit]]

    def first_due(self, until: int) -> Row | None:
        due = [
            (head.due_at, head.seq, head)
            for heads in self._heads.values()
            for head in heads.values()
            if head.due_at is not None and head.due_at <= until
        ]
        if not due:
            return None
        _, _, first = min(due, key=lambda item: item[:2])
        return _row_of(self._rows[first.kind, first.id])

    def save(self, rows: list[Row]) -> None:
        for row in rows:
            self._change((row.kind, row.id), _text_of(row))

    def delete(self, kind: str, id: str) -> None:
        self._change((kind, id), None)

    def _change(self, name: tuple[str, str], text: str | None) -> None:
        self._undo.append((name, self._rows.get(name)))
        self._put(name, text)


def _text_of(row: Row) -> str:
    return json.dumps(vars(row))


def _row_of(text: str) -> Row:
    return Row(**json.loads(text))


class DatabaseStore:
    """In one table of `public`, over one connection of each process: requests are taken one by one in any case.

    The connection is opened when it is first needed, to the database that the settings name at that moment (tests
    change it), and again after a fork or when it broke. An answer does not wait for the disk: a later commit of the
    product, which does, takes it along.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Any] | None = None
        self._belongs_to: tuple[int, str] = (0, "")

    @contextmanager
    def transaction(self) -> Iterator[Books]:
        with self._lock:
            connection, last_seq = self._begin()
            is_done = False
            try:
                books = Books(_Session(connection), last_seq)
                yield books
                books.flush()
                connection.execute("COMMIT")
                is_done = True
            finally:
                if not is_done:
                    self._abandon(connection)

    def clear(self) -> None:
        with self.transaction() as books:
            assert isinstance(books._backend, _Session)
            books._backend.connection.execute(f"DELETE FROM {TABLE}")  # noqa: S608

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _begin(self) -> tuple[psycopg.Connection[Any], int]:
        for is_second in (False, True):
            connection = self._open()
            try:
                cursor = connection.execute(BEGIN)
                while cursor.nextset():
                    pass
                row = cursor.fetchone()
                assert row is not None
                return connection, row[0]
            except psycopg.OperationalError:
                self.close()
                if is_second:
                    raise
        raise AssertionError

    def _open(self) -> psycopg.Connection[Any]:
        database = settings.DATABASES["default"]
        owner = (os.getpid(), database["NAME"])
        if self._connection is not None and owner == self._belongs_to and not self._connection.closed:
            return self._connection
        if self._connection is not None and self._belongs_to[0] == owner[0]:
            self._connection.close()
        self._belongs_to = owner
        self._connection = psycopg.connect(
            dbname=database["NAME"],
            user=database.get("USER") or None,
            password=database.get("PASSWORD") or None,
            host=database.get("HOST") or None,
            port=database.get("PORT") or None,
            connect_timeout=5,
            application_name="steward-simulated-payments",
            options="-c synchronous_commit=off -c statement_timeout=30s",
            autocommit=True,
            prepare_threshold=1,
        )
        return self._connection

    def _abandon(self, connection: psycopg.Connection[Any]) -> None:
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self.close()


class _Session:
    """The open transaction of a `DatabaseStore`."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def read(self, kind: str, id: str) -> Row | None:
        found = self.connection.execute(GET, [kind, id]).fetchone()
        return _row_from(found) if found else None

    def select(self, query: Query) -> list[Row]:
        tests, values = ["kind = %s"], [query.kind]
        for test, value in (
            ("customer = %s", query.customer),
            ("parent = %s", query.parent),
            ("key = %s", query.key),
            ("status = ANY(%s)", list(query.statuses) or None),
            ("created >= %s", query.created_from),
            ("created <= %s", query.created_to),
            ("seq > %s", query.above),
            ("seq < %s", query.below),
        ):
            if value is not None:
                tests.append(test)
                values.append(value)  # type: ignore[arg-type]
        order = "ASC" if query.oldest_first else "DESC"
        end = "" if query.limit is None else f" LIMIT {int(query.limit)}"
        statement = f"SELECT {COLUMNS} FROM {TABLE} WHERE {' AND '.join(tests)} ORDER BY seq {order}{end}"  # noqa: S608
        return [_row_from(found) for found in self.connection.execute(statement, values)]

    def first_due(self, until: int) -> Row | None:
        statement = f"SELECT {COLUMNS} FROM {TABLE} WHERE due_at <= %s ORDER BY due_at, seq LIMIT 1"  # noqa: S608
        found = self.connection.execute(statement, [until]).fetchone()
        return _row_from(found) if found else None

    def save(self, rows: list[Row]) -> None:
        self.connection.execute(WRITE, [json.dumps([vars(row) for row in rows])])

    def delete(self, kind: str, id: str) -> None:
        self.connection.execute(f"DELETE FROM {TABLE} WHERE kind = %s AND id = %s", [kind, id])  # noqa: S608


def _row_from(found: tuple[Any, ...]) -> Row:
    kind, id, customer, parent, status, key, created, due_at, data, meta, seq = found
    return Row(kind, id, data, meta, customer, parent, status, key, created, due_at, seq)
