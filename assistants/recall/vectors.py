"""Vectors of what can be recalled, in tables of their own that are made when the first one is wanted.

No migration makes them: PostgreSQL may lack pgvector, and everything works without. A vector belongs to a row by a
foreign key that deletes it with the row, whoever deletes that. Each model and dimension has a partial HNSW index.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet
from psycopg import sql

from assistants.recall.kinds import SOURCES, Kind, Source
from tenants.scope import current_workspace

# pgvector looks at this many neighbours, and at more until the rows that `where` allows are enough.
EF_SEARCH = 60
# What pgvector indexes: of `vector` to the first, of the half as precise `halfvec` to the second; then nothing.
MOST_INDEXED, MOST_HALF_INDEXED = 2_000, 4_000
# The first with `hnsw.iterative_scan`: an older one would find too little where few rows are allowed.
OLDEST = (0, 8)
logger = logging.getLogger(__name__)


def is_available() -> bool:
    """Whether this database has pgvector, of a version that serves."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        row = cursor.fetchone()
    return row is not None and _numbers(row[0]) >= OLDEST


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def make_available() -> bool:
    """Adds pgvector where this may be done; whether it is there then. Outside a transaction."""
    if is_available():
        return True
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    except DatabaseError:
        logger.warning("vectors are asked for, and this database has no pgvector: full text alone finds")
        return False
    if is_available():
        return True
    logger.warning("vectors are asked for, and this database's pgvector is too old: full text alone finds")
    return False


def has_table(source: Source) -> bool:
    return _ask("SELECT 1 WHERE to_regclass(%s) IS NOT NULL", [source.vectors])


def has_any(source: Source, model: str) -> bool:
    """Whether a question is worth its vector. One query; two where the table exists."""
    if not has_table(source):
        return False
    return _ask(f"SELECT 1 FROM {source.vectors} WHERE model = %s LIMIT 1", [model])  # noqa: S608  a constant


def _ask(statement: str, params: list[Any] | None = None) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone() is not None


@contextmanager
def alone(source: Source) -> Iterator[bool]:
    """One job at a time, for as long as this connection lives: a killed worker's lock goes with its connection."""
    key = [source.vectors]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(current_schema()), hashtext(%s))", key)
        taken: bool = cursor.fetchone()[0]
    try:
        yield taken
    finally:
        if taken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(current_schema()), hashtext(%s))", key)


def make_table(source: Source) -> None:
    """In the workspace, when the first vector is written. Safe to repeat, and beside others who do the same."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema() || %s))", [source.vectors])
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {source.vectors} ("
            f" row_id uuid NOT NULL REFERENCES {source.table} (id) ON DELETE CASCADE,"
            " model text NOT NULL, dimension integer NOT NULL, embedding public.vector NOT NULL,"
            " PRIMARY KEY (row_id, model), CHECK (public.vector_dims(embedding) = dimension))"
        )
        cursor.execute(
            f"CREATE INDEX IF NOT EXISTS {source.vectors}_model ON {source.vectors} (model, dimension)"
        )


def make_index(source: Source, model: str, dimension: int) -> None:
    """Of one model and dimension; none where pgvector has none. Its name ends in a hash of both."""
    if dimension > MOST_HALF_INDEXED:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_hex(hashtext(%s))", [f"{model}/{dimension}"])
        name = f"{source.vectors}_{cursor.fetchone()[0]}"
        cursor.execute(
            sql.SQL(
                "CREATE INDEX IF NOT EXISTS {name} ON {table} USING hnsw (({vector}) public.{kind}_cosine_ops)"
                " WHERE model = {model} AND dimension = {dimension}"
            ).format(
                name=sql.Identifier(name),
                table=sql.Identifier(source.vectors),
                vector=sql.SQL(_indexed(dimension)),
                kind=sql.SQL(_kind(dimension)),
                dimension=sql.Literal(dimension),
                model=sql.Literal(model),
            )
        )


def _kind(dimension: int) -> str:
    return "halfvec" if MOST_INDEXED < dimension <= MOST_HALF_INDEXED else "vector"


def _indexed(dimension: int) -> str:
    """The expression that an index of this dimension is on; a search must ask by the same."""
    return f"embedding::public.{_kind(dimension)}({dimension})"


def write(source: Source, model: str, rows: list[tuple[UUID, list[float]]]) -> int:
    """Those whose row is still there, in the caller's transaction. All of one dimension.

    The model's vectors of another dimension go: an endpoint that changed it compares with none of them.
    """
    dimension = len(rows[0][1])
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {source.vectors} WHERE model = %s AND dimension <> %s",  # noqa: S608  names are constants
            [model, dimension],
        )
        cursor.execute(
            f"INSERT INTO {source.vectors} (row_id, model, dimension, embedding)"  # noqa: S608
            " SELECT given.id::uuid, %s, %s, given.vector::public.vector"
            " FROM unnest(%s::text[], %s::text[]) AS given (id, vector)"
            f" JOIN {source.table} kept ON kept.id = given.id::uuid"
            " ON CONFLICT (row_id, model)"
            " DO UPDATE SET dimension = EXCLUDED.dimension, embedding = EXCLUDED.embedding",
            [model, dimension, [str(row_id) for row_id, _ in rows], [as_text(vector) for _, vector in rows]],
        )
        return cursor.rowcount


def drop(source: Source, ids: list[UUID]) -> None:
    if ids and has_table(source):
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {source.vectors} WHERE row_id = ANY(%s)", [ids])  # noqa: S608


def drop_other_models(source: Source, model: str) -> int:
    """After a change of the model, when all rows have their new vectors."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {source.vectors} WHERE model <> %s", [model])  # noqa: S608
        return cursor.rowcount


def search(source: Source, where: Q, vector: list[float], model: str, limit: int) -> list[tuple[UUID, float]]:
    """Nearest first, among the rows that `where` allows, with the cosine of the angle between: 1 is the same."""
    if not has_table(source):
        return []
    allowed, params = source.rows().filter(where).order_by().values("id").query.sql_with_params()
    dimension = len(vector)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', 'relaxed_order', true)",
            [str(max(EF_SEARCH, limit))],
        )
        distance = f"v.{_indexed(dimension)} OPERATOR(public.<=>) %s::public.{_kind(dimension)}"
        cursor.execute(
            f"SELECT v.row_id, {distance} AS distance FROM {source.vectors} v"  # noqa: S608  names are constants
            f" WHERE v.model = %s AND v.dimension = %s AND v.row_id IN ({allowed}) ORDER BY distance LIMIT %s",
            [as_text(vector), model, dimension, *params, limit],
        )
        found = [(row[0], 1 - row[1]) for row in cursor.fetchall()]
    return sorted(found, key=lambda row: -row[1])


def missing(source: Source, model: str, limit: int, after: UUID | None = None) -> list[tuple[UUID, str]]:
    """Rows without a vector of `model`, by id: the next piece of a job that may be stopped and begun again."""
    rows = _without(source, model)
    if after is not None:
        rows = rows.filter(id__gt=after)
    return list(rows.order_by("id").values_list("id", "text")[:limit])


def count_missing(source: Source, model: str) -> int:
    return _without(source, model).count() if has_table(source) else source.rows().count()


def _without(source: Source, model: str) -> QuerySet[Any]:
    has_vector = (
        f"EXISTS (SELECT 1 FROM {source.vectors} v WHERE v.row_id = {source.table}.id AND v.model = %s)"  # noqa: S608
    )
    return source.rows().extra(where=[f"NOT {has_vector}"], params=[model])  # noqa: S610  constants and a parameter


def as_text(vector: list[float]) -> str:
    return "[" + ",".join(f"{value:.7g}" for value in vector) + "]"


def want(kind: Kind, ids: list[UUID]) -> None:
    """Their vectors are made by a task, when an embedder is set."""
    from assistants.recall import embedding  # noqa: PLC0415  which writes here

    if not ids or embedding.embedder() is None:
        return
    drop(SOURCES[kind], ids)
    workspace_id = current_workspace().id
    transaction.on_commit(partial(embedding.enqueue, workspace_id, kind, ids))
