"""Is a log what it was? Every leaf, every node, every checkpoint and every change of keys is looked at again.

PostgreSQL does the hashing: about 50 µs per leaf, and little memory.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection

from tenants.models import AuditEntry
from usage.receipts import bodies, keys, tree, verify
from usage.receipts.models import Checkpoint, Log, LogKind, LogLeaf
from usage.receipts.verdicts import Verdict

BATCH = 500

CHECK_LEAVES = """
WITH leaf AS (
    SELECT leaf_index AS index, leaf_hash AS hash, body FROM usage_receipt
    WHERE %(kind)s = 'receipts' AND workspace_id = %(workspace)s
      AND leaf_index >= %(since)s AND leaf_index < %(size)s
    UNION ALL
    SELECT leaf_index, leaf_hash, body FROM usage_logleaf
    WHERE log_id = %(log)s AND leaf_index >= %(since)s AND leaf_index < %(size)s
), node AS (
    SELECT index, hash FROM usage_lognode
    WHERE log_id = %(log)s AND level = 0 AND index >= %(since)s AND index < %(size)s
), checked AS (
    SELECT COALESCE(leaf.index, node.index) AS index, leaf.hash IS DISTINCT FROM node.hash AS is_misplaced,
           leaf.hash <> sha256('\\x00'::bytea || convert_to(leaf.body, 'UTF8')) AS is_altered
    FROM leaf FULL JOIN node ON node.index = leaf.index
)
SELECT index, is_altered FROM checked WHERE is_altered OR is_misplaced ORDER BY index
"""
# A body is read as JSON (once, hence MATERIALIZED) only where it is the one that was hashed: what was altered may be
# anything.
MISLABELLED = """
WITH receipt AS MATERIALIZED (
    SELECT leaf_index, id, workspace_id, person_ref, hold_id, kind, model, CASE
        WHEN leaf_hash = sha256('\\x00'::bytea || convert_to(body, 'UTF8')) THEN body::jsonb END AS said
    FROM usage_receipt
    WHERE %(kind)s = 'receipts' AND workspace_id = %(workspace)s
      AND leaf_index >= %(since)s AND leaf_index < %(size)s
)
SELECT leaf_index FROM receipt WHERE said IS NOT NULL AND
    (said ->> 'receipt_id', said ->> 'workspace_id', said ->> 'person_ref',
     said #>> '{run,id}', said #>> '{run,kind}', said #>> '{model,asked}')
    IS DISTINCT FROM (id::text, workspace_id::text, person_ref::text, hold_id::text, kind, model)
ORDER BY leaf_index
"""
# A node is of the tail when a leaf of the tail is below it: at each level one range of indexes.
TAIL = """
FROM generate_series(%(lowest)s, 62) height
JOIN usage_lognode above ON above.log_id = %(log)s AND above.level = height
     AND above.index >= %(since)s >> height AND above.index < %(size)s >> height
"""
WRONG_NODES = f"""
SELECT above.index {TAIL}
LEFT JOIN usage_lognode l ON l.log_id = above.log_id AND l.level = above.level - 1 AND l.index = above.index * 2
LEFT JOIN usage_lognode r ON r.log_id = above.log_id AND r.level = above.level - 1 AND r.index = above.index * 2 + 1
WHERE above.hash IS DISTINCT FROM sha256('\\x01'::bytea || l.hash || r.hash)
"""  # noqa: S608  put together from constants
NODE_COUNTS = "SELECT above.level, count(*)" + TAIL + "GROUP BY above.level"


Signed = tuple[int, bytes | memoryview, str]


def examine(workspace_id: UUID, kind: LogKind, *, since: int = 0) -> tuple[Verdict, int]:
    """The verdict on the log as it is now, and its size. What is added meanwhile is left out.

    `since`: only leaves from that index on, what stands above them, and checkpoints from that size on.
    """
    mine = Log.objects.filter(workspace_id=workspace_id, kind=kind)
    # Before the size: a checkpoint that is signed after the size was read would seem to reach beyond the log.
    signed = list(
        Checkpoint.objects.filter(log__in=mine, size__gte=since)
        .order_by("size")
        .values_list("size", "root", "note")
    )
    log = mine.select_related("first_key", "signing_key").first()
    if log is None:
        return Verdict(), 0
    verdict = Verdict(checked=max(0, log.size - since))
    _check_leaves(log, since, verdict)
    if kind == LogKind.AUDIT:
        changed = _changed_entries(log, since)
        verdict.note("entry_altered", "Audit entry {} is not what was logged.", changed)
    _check_checkpoints(log, signed, verdict)
    return verdict, log.size


def _check_leaves(log: Log, since: int, verdict: Verdict) -> None:
    """Leaves, their columns, and the tree over them."""
    values: dict[str, Any] = {
        "kind": log.kind,
        "workspace": log.workspace_id,
        "log": log.id,
        "size": log.size,
        "since": since,
    }
    with connection.cursor() as cursor:

        def ask(statement: str, **more: int) -> list[Any]:
            cursor.execute(statement, {**values, **more})
            return cursor.fetchall()

        wrong = ask(CHECK_LEAVES)
        altered = (index for index, is_altered in wrong if is_altered)
        verdict.note("leaf_altered", "Leaf {} is not what was hashed.", altered)
        misplaced = (index for index, is_altered in wrong if not is_altered)
        verdict.note("leaf_misplaced", "Leaf {} is missing, or not at its place.", misplaced)
        verdict.note("leaf_mislabelled", "The columns of leaf {} contradict it.", _firsts(ask(MISLABELLED)))
        nodes = _firsts(ask(WRONG_NODES, lowest=1))
        verdict.note("node_altered", "A node of the tree is wrong: {}.", nodes)
        counts = dict(ask(NODE_COUNTS, lowest=0))
    levels = (
        level
        for level in range(log.size.bit_length())
        if counts.get(level, 0) != max(0, (log.size >> level) - (since >> level))
    )
    verdict.note("nodes_missing", "Level {} of the tree is not complete.", levels)


def _firsts(rows: list[Any]) -> list[Any]:
    return [row[0] for row in rows]


def _changed_entries(log: Log, since: int) -> Iterator[int]:
    """The entry itself, read again and compared with what the leaf says."""
    leaves = LogLeaf.objects.filter(log=log, type=LogLeaf.Type.AUDIT, leaf_index__gte=since)
    leaves = leaves.order_by("leaf_index")
    for batch in _batches(leaves.values_list("entry_id", "body").iterator(BATCH)):
        entries = AuditEntry.objects.in_bulk([entry_id for entry_id, _ in batch])
        for entry_id, body in batch:
            entry = entries.get(entry_id)
            if entry is None or bodies.canonical(bodies.of_audit_entry(entry)) != body:
                yield entry_id


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(itertools.islice(rows, BATCH)):
        yield batch


def _check_checkpoints(log: Log, signed: list[Signed], verdict: Verdict) -> None:
    """Every checkpoint is signed by the key of its time, has the root of its size, and is within the log."""
    chain = _chain(log, verdict)
    for batch in _batches(iter(signed)):
        within = [size for size, _, _ in batch if size <= log.size]
        try:
            found = tree.roots(log, within)
        except tree.NodesMissing:
            found = {}
        wrong = [
            size
            for size, root, note in batch
            if not _is_sound(chain, size, bytes(root), note, found.get(size))
        ]
        verdict.note("checkpoint_wrong", "The checkpoint of {} leaves does not match the log.", wrong)


def _chain(log: Log, verdict: Verdict) -> verify.Chain:
    report = verify.Report()
    chain = verify.Chain(log.origin, str(keys.verifier(log, log.first_key)))
    rotations = LogLeaf.objects.filter(log=log, type=LogLeaf.Type.ROTATION, leaf_index__lt=log.size)
    for index, body in rotations.order_by("leaf_index").values_list("leaf_index", "body"):
        try:
            chain.rotate(index, json.loads(body), report)
        except (verify.Broken, ValueError, KeyError, TypeError):
            verdict.note(
                "rotation_broken", "The change of keys at leaf {} is not signed by both keys.", [index]
            )
    if chain.keys[-1][1].public != bytes(log.signing_key.public_key):
        verdict.note("rotation_broken", "The log's key {} was not handed over in it.", [log.signing_key_id])
    return chain


def _is_sound(chain: verify.Chain, size: int, root: bytes, note: str, found: bytes | None) -> bool:
    try:
        checkpoint = verify.Checkpoint.parse(note)
        chain.verify(checkpoint)
    except (verify.Broken, ValueError, IndexError):
        return False
    return checkpoint.size == size and root == checkpoint.root == found
