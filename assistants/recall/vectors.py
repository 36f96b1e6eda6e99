"""Vectors of what can be recalled, in tables of their own that are made when the first one is wanted.

No migration makes them: PostgreSQL may lack pgvector, and everything works without. A vector belongs to a row by a
foreign key that deletes it with the row, whoever deletes that. Each model has a partial HNSW index of its dimension.
"""

import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from psycopg import sql

from assistants.recall.kinds import SOURCES, Kind, Source
from tenants.scope import current_workspace

# pgvector looks at this many neighbours, and at more until the rows that `where` allows are enough.
EF_SEARCH = 100
logger = logging.getLogger(__name__)


def is_available() -> bool:
    """Whether this database has pgvector."""
    return _ask("SELECT 1 FROM pg_extension WHERE extname = 'vector'")


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
    return True


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


def make_table(source: Source) -> None:
    """In the workspace, when the first vector is written. Safe to repeat, and beside others who do the same."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema() || %s))", [source.vectors])
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {source.vectors} ("
            f" row_id uuid NOT NULL REFERENCES {source.table} (id) ON DELETE CASCADE,"
            " model text NOT NULL, embedding public.vector NOT NULL, PRIMARY KEY (row_id, model))"
        )


def make_index(source: Source, model: str, dimension: int) -> None:
    """Of one model. Its name is made of the table's and a hash of the model's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_hex(hashtext(%s))", [f"{model}/{dimension}"])
        name = f"{source.vectors}_{cursor.fetchone()[0]}"
        cursor.execute(
            sql.SQL(
                "CREATE INDEX IF NOT EXISTS {name} ON {table}"
                " USING hnsw ((embedding::public.vector({dimension})) public.vector_cosine_ops) WHERE model = {model}"
            ).format(
                name=sql.Identifier(name),
                table=sql.Identifier(source.vectors),
                dimension=sql.Literal(dimension),
                model=sql.Literal(model),
            )
        )


def write(source: Source, model: str, rows: list[tuple[UUID, list[float]]]) -> int:
    """Those whose row is still there, in the caller's transaction."""
    values = [(str(row_id), as_text(vector)) for row_id, vector in rows]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {source.vectors} (row_id, model, embedding)"  # noqa: S608  names are constants
            " SELECT given.id::uuid, %s, given.vector::public.vector"
            " FROM unnest(%s::text[], %s::text[]) AS given (id, vector)"
            f" JOIN {source.table} kept ON kept.id = given.id::uuid"
            " ON CONFLICT (row_id, model) DO UPDATE SET embedding = EXCLUDED.embedding",
            [model, [row[0] for row in values], [row[1] for row in values]],
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


def search(source: Source, where: Q, vector: list[float], model: str, limit: int) -> list[UUID]:
    """Nearest first, by cosine distance, among the rows that `where` allows."""
    if not has_table(source):
        return []
    allowed, params = source.rows().filter(where).order_by().values("id").query.sql_with_params()
    dimension = len(vector)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', 'relaxed_order', true)",
            [str(max(EF_SEARCH, limit))],
        )
        cursor.execute(
            f"SELECT v.row_id FROM {source.vectors} v WHERE v.model = %s AND v.row_id IN ({allowed})"  # noqa: S608
            f" ORDER BY v.embedding::public.vector({dimension}) OPERATOR(public.<=>) %s::public.vector LIMIT %s",
            [model, *params, as_text(vector), limit],
        )
        return [row[0] for row in cursor.fetchall()]


def missing(source: Source, model: str, limit: int, after: UUID | None = None) -> list[tuple[UUID, str]]:
    """Rows without a vector of `model`, by id: the next piece of a job that may be stopped and begun again."""
    rows = source.rows()
    has_vector = (
        f"EXISTS (SELECT 1 FROM {source.vectors} v WHERE v.row_id = {source.table}.id AND v.model = %s)"  # noqa: S608
    )
    rows = rows.extra(where=[f"NOT {has_vector}"], params=[model])  # noqa: S610  constants and a parameter
    if after is not None:
        rows = rows.filter(id__gt=after)
    return list(rows.order_by("id").values_list("id", "text")[:limit])


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
