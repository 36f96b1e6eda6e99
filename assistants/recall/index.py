"""Hybrid recall: full text and vectors, fused by reciprocal rank (docs/memory.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from assistants.recall import text, vectors
from assistants.recall.kinds import SOURCES, Kind

# Cormack, Clarke, Büttcher, Reciprocal Rank Fusion outperforms Condorcet, SIGIR 2009: the constant of the paper.
K = 60
# How many times `limit` each way looks for, so that what both find can rise. Nearness is asked for less: it costs more.
TEXT_DEPTH, VECTOR_DEPTH = 4, 2
# What is less than half as near as the nearest is not about the question: without this each question finds something.
NEAR = 0.5


@dataclass(frozen=True)
class Hit:
    """`score` orders hits of one search and means nothing between two. `by`: text, vector."""

    id: UUID
    score: float
    by: frozenset[str]


def search(
    *, kind: Kind, query: str, limit: int, where: Q, vector: list[float] | None = None, model: str = ""
) -> list[Hit]:
    """Best first. `where` says whose rows may be found: it is the only guard, and both ways obey it.

    One query for the text, one more with `vector` (of `model`, from `embedding.embed_query`). In the workspace.
    """
    source = SOURCES[kind]
    by_text = [row_id for row_id, _ in text.search(source, where, query, limit * TEXT_DEPTH)]
    by_vector = _near(vectors.search(source, where, vector, model, limit * VECTOR_DEPTH)) if vector else []
    return fuse({"text": by_text, "vector": by_vector})[:limit]


def _near(found: list[tuple[UUID, float]]) -> list[UUID]:
    """Relative, because models differ in how near their nearest are."""
    least = max((nearness for _, nearness in found), default=0) * NEAR
    return [row_id for row_id, nearness in found if nearness >= least > 0]


def fuse(ranked: dict[str, list[UUID]]) -> list[Hit]:
    """Σ 1 / (K + rank) over the lists, ranks from 1."""
    scores: dict[UUID, float] = {}
    by: dict[UUID, set[str]] = {}
    for name, ids in ranked.items():
        for rank, row_id in enumerate(ids, start=1):
            scores[row_id] = scores.get(row_id, 0.0) + 1 / (K + rank)
            by.setdefault(row_id, set()).add(name)
    # Equal ones stay as the lists had them: the text's before the vectors'.
    order = sorted(scores, key=lambda row_id: -scores[row_id])
    return [Hit(row_id, scores[row_id], frozenset(by[row_id])) for row_id in order]


def index(*, kind: Kind, ids: Iterable[UUID]) -> None:
    """After rows were written, inside their transaction: their vectors are made after the commit, if there are any."""
    vectors.want(kind, list(ids))


def forget(*, kind: Kind, ids: Iterable[UUID]) -> None:
    """Rows whose text changed: their old vectors go at once. Those of deleted rows go with them."""
    vectors.drop(SOURCES[kind], list(ids))
