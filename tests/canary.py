"""Looks for a text in everything that the product keeps: every table of every schema, Redis, files, and the log.

`search(needle)` returns where it is, one short line for each place, so that a test shows both that a place held it
before and that none does after. It looks for the text in any case, as UTF-8 bytes in binary columns, and inside what
is packed there: base64 and ZIP archives.
"""

import base64
import logging
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection
from psycopg import sql

from config import redis as redis_clients

COLUMNS = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, NULL)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND NOT a.attisdropped AND a.attnum > 0
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%'
ORDER BY 1, 2, a.attnum
"""
TEXTS = {"character varying", "character", "text", "json", "jsonb", "inet", "citext", "bytea"}


def new_canary() -> str:
    """A word that fits into the local part of an address, a slug and a name."""
    return f"canary{uuid4().hex[:12]}"


def search(needle: str, *, logs: Iterable[str] = (), but: Iterable[str] = ()) -> list[str]:
    """Everywhere. `logs`: what `captured_logs` gave. `but`: places (their beginnings) that are somebody else's."""
    found = [
        *in_database(needle), *in_redis(needle), *in_files(needle),
        *(f"log: {line[:120]}" for line in logs if needle.lower() in line.lower()),
    ]  # fmt: skip
    return [place for place in found if not place.startswith(tuple(but))]


def in_database(needle: str) -> list[str]:
    """`schema.table.column: rows`. Also what the names of schemas, tables and columns hold."""
    places = []
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        tables: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for schema, table, column, kind in cursor.fetchall():
            if needle.lower() in f"{schema}.{table}.{column}".lower():
                places.append(f"name {schema}.{table}.{column}")
            if kind.removesuffix("[]") in TEXTS:
                tables.setdefault((schema, table), []).append((column, kind))
        for (schema, table), columns in tables.items():
            places += _in_table(cursor, schema, table, columns, needle)
    return places


def _in_table(cursor: Any, schema: str, table: str, columns: list[tuple[str, str]], needle: str) -> list[str]:
    """One pass over the table, however many columns it has."""
    counts = [sql.SQL("count(*) FILTER (WHERE {})").format(_holds(*column, needle)) for column in columns]
    table_name = sql.Identifier(schema, table)
    cursor.execute(sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(counts), table_name))
    return [
        f"{schema}.{table}.{column}: {count}"
        for (column, _), count in zip(columns, cursor.fetchone(), strict=True)
        if count
    ]


def _holds(column: str, kind: str, needle: str) -> sql.Composable:
    """Whether a value contains the text: bytes as bytes (in the case given and in lower case), the rest as text."""
    name = sql.Identifier(column)
    if kind == "bytea":
        tests = [
            sql.SQL("position({} in {}) > 0").format(sql.Literal(spelling), name)
            for spelling in {needle.encode(), needle.lower().encode(), needle.upper().encode()}
        ]
        return sql.SQL("({})").format(sql.SQL(" OR ").join(tests))
    # Three spellings, since base64 depends on where in its groups of three the text begins.
    wanted = [sql.SQL("{}::text ILIKE {}").format(name, sql.Literal(f"%{_escaped(needle)}%"))]
    wanted += [
        sql.SQL("position({} in {}::text) > 0").format(sql.Literal(text), name) for text in _base64(needle)
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(wanted))


def _escaped(needle: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", needle)


def _base64(needle: str) -> set[str]:
    """What every base64 of a text with this in it contains: the groups that lie wholly inside, at each offset."""
    found = set()
    for spelling in {needle, needle.lower()}:
        for offset in range(3):
            encoded = base64.b64encode(b"\0" * offset + spelling.encode()).decode()
            inside = encoded[4 if offset else 0 : (offset + len(spelling.encode())) // 3 * 4]
            found |= {inside, inside.replace("+", "-").replace("/", "_")}
    return {text for text in found if len(text) >= 8}


def in_redis(needle: str) -> list[str]:
    """Keys and values of every kind in the whole database: cache, streams, limits, and the broker's queues."""
    client = redis_clients.client()
    places = []
    for key in client.scan_iter(count=1000):
        if _in_bytes(needle, key):
            places.append(f"redis key {key!r}")
        if any(_in_bytes(needle, part) for part in _values(client, key)):
            places.append(f"redis value of {key!r}")
    return places


def _values(client: Any, key: bytes) -> Iterator[bytes]:
    kind = client.type(key).decode()
    if kind == "string":
        yield client.get(key) or b""
    elif kind == "list":
        yield from client.lrange(key, 0, -1)
    elif kind == "set":
        yield from client.smembers(key)
    elif kind == "zset":
        yield from client.zrange(key, 0, -1)
    elif kind == "hash":
        for pair in client.hgetall(key).items():
            yield from pair
    elif kind == "stream":
        for _, fields in client.xrange(key):
            for pair in fields.items():
                yield from pair
    elif kind != "none":
        raise AssertionError(f"{key!r} is a {kind}, which nobody searches")


def in_files(needle: str) -> list[str]:
    """Names and contents below FILES_DIR and the mailbox, archives opened."""
    return [
        f"file {path}"
        for root in (Path(settings.MEDIA_ROOT), Path(settings.MAIL_DIR))
        for path in sorted(root.rglob("*"))
        if _in_file(needle, path)
    ]


def _in_file(needle: str, path: Path) -> bool:
    if needle.lower() in str(path).lower():
        return True
    if not path.is_file():
        return False
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(_in_bytes(needle, archive.read(name)) or needle in name for name in archive.namelist())
    return _in_bytes(needle, path.read_bytes())


def _in_bytes(needle: str, value: bytes) -> bool:
    if needle.lower().encode() in value.lower():
        return True
    return any(text.encode() in value for text in _base64(needle))


@contextmanager
def captured_logs() -> Iterator[list[str]]:
    """Everything that is logged meanwhile from INFO on, whole: message, extra fields and trace, of every logger."""
    lines: list[str] = []

    class _Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.getMessage()} {vars(record)!r} {logging.Formatter().format(record)}")

    handler, root = _Kept(logging.DEBUG), logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    deaf = [logger for logger in loggers if logger is root or not logger.propagate]
    former = root.level
    root.setLevel(min(former, logging.INFO))
    for logger in deaf:
        logger.addHandler(handler)
    try:
        yield lines
    finally:
        root.setLevel(former)
        for logger in deaf:
            logger.removeHandler(handler)
