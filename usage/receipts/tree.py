"""The tree of a log in the database: reads and appends O(log n) nodes."""

from collections.abc import Iterable, Sequence

from django.db import connection

from usage.receipts import merkle
from usage.receipts.merkle import Place, Plan
from usage.receipts.models import Log, LogNode

READ = """
SELECT n.level, n.index, n.hash FROM usage_lognode n
JOIN unnest(%s::smallint[], %s::bigint[]) AS asked(level, index) ON n.level = asked.level AND n.index = asked.index
WHERE n.log_id = %s
"""


class NodesMissing(Exception):  # noqa: N818  reads as what happened
    """The stored tree lacks nodes that its size says it has."""


def append(log: Log, leaves: Sequence[bytes]) -> None:
    """Adds the nodes of new leaves and the size. The caller holds the log's lock. Two queries and an update."""
    edge = read(log, merkle.cover(0, log.size))
    nodes = merkle.grow(log.size, leaves, edge)
    LogNode.objects.bulk_create(
        LogNode(log=log, level=level, index=index, hash=value) for (level, index), value in nodes.items()
    )
    log.size += len(leaves)
    log.save(update_fields=["size"])


def root(log: Log, size: int) -> bytes:
    return roots(log, [size])[size]


def roots(log: Log, sizes: Iterable[int]) -> dict[int, bytes]:
    """The roots at these sizes. One query."""
    wanted = set(sizes)
    nodes = read(log, {place for size in wanted for place in merkle.cover(0, size)})
    return {size: merkle.root(size, nodes) for size in wanted}


def prove(log: Log, plans: Sequence[Plan]) -> list[list[bytes]]:
    """The hashes of these proofs. One query."""
    nodes = read(log, merkle.places_of(plans))
    return [merkle.resolve(plan, nodes) for plan in plans]


def read(log: Log, places: Iterable[Place]) -> dict[Place, bytes]:
    """Raises NodesMissing."""
    asked = list(places)
    if not asked:
        return {}
    levels, indexes = zip(*asked, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(READ, [list(levels), list(indexes), log.id])
        found = {(level, index): bytes(value) for level, index, value in cursor.fetchall()}
    if len(found) < len(set(asked)):
        raise NodesMissing(f"log {log.id} lacks {len(set(asked)) - len(found)} nodes")
    return found
