"""The files that `verify` judges, read from what is numbered and signed."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from django.db import connection

from usage.receipts import keys, merkle, tree, verify
from usage.receipts.merkle import Plan
from usage.receipts.models import Checkpoint, Log, LogLeaf, Receipt

EXPORT_BATCH = 2000
LEAVES = """
SELECT leaf_index, leaf_hash, body FROM usage_receipt
WHERE %(kind)s = 'receipts' AND workspace_id = %(workspace)s AND leaf_index >= %(begin)s AND leaf_index < %(end)s
UNION ALL
SELECT leaf_index, leaf_hash, body FROM usage_logleaf
WHERE log_id = %(log)s AND leaf_index >= %(begin)s AND leaf_index < %(end)s
ORDER BY leaf_index
"""


def of_receipt(receipt: Receipt, checkpoint: Checkpoint) -> dict[str, Any]:
    """A numbered receipt, with the proof that it stands under a checkpoint of more leaves. Three queries."""
    index = receipt.leaf_index
    if index is None or receipt.leaf_hash is None:
        raise ValueError("a receipt without a number has no proof")
    common, (proof,) = _signed(checkpoint, [merkle.inclusion(index, checkpoint.size)])
    return {
        "format": verify.RECEIPT,
        **common,
        "receipt": json.loads(receipt.body),
        "leaf_index": index,
        "leaf_hash": b64(receipt.leaf_hash),
        "inclusion": proof,
    }


def of_consistency(old: Checkpoint, new: Checkpoint) -> dict[str, Any]:
    """Two checkpoints of one log, with the proof that the later only adds. Three queries."""
    common, (proof,) = _signed(new, [merkle.consistency(old.size, new.size)])
    return {"format": verify.CONSISTENCY, **common, "old_checkpoint": old.note, "consistency": proof}


def log_lines(checkpoint: Checkpoint) -> Iterator[str]:
    """The whole log up to a checkpoint, line by line: the checkpoints, then each leaf as it was hashed."""
    log = checkpoint.log
    notes = Checkpoint.objects.filter(log=log, size__lte=checkpoint.size).order_by("size")
    header = {
        "format": verify.LOG,
        "origin": log.origin,
        "first_key": str(keys.verifier(log, log.first_key)),
        "checkpoints": list(notes.values_list("note", flat=True)),
    }
    yield json.dumps(header, ensure_ascii=False) + "\n"
    for begin in range(0, checkpoint.size, EXPORT_BATCH):
        for index, value, body in _leaves(log, begin, min(begin + EXPORT_BATCH, checkpoint.size)):
            yield f'{{"index":{index},"hash":"{b64(value)}","leaf":{body}}}\n'


def _leaves(log: Log, begin: int, end: int) -> list[tuple[int, bytes, str]]:
    values: dict[str, Any] = {
        "kind": log.kind,
        "workspace": log.workspace_id,
        "log": log.id,
        "begin": begin,
        "end": end,
    }
    with connection.cursor() as cursor:
        cursor.execute(LEAVES, values)
        return list(cursor.fetchall())


def _signed(checkpoint: Checkpoint, plans: list[Plan]) -> tuple[dict[str, Any], list[list[str]]]:
    """What every document says of its log, and the proofs that these plans ask for."""
    log = checkpoint.log
    rotations = list(
        LogLeaf.objects.filter(log=log, type=LogLeaf.Type.ROTATION, leaf_index__lt=checkpoint.size)
        .order_by("leaf_index")
        .values_list("leaf_index", "body")
    )
    all_plans = [*plans, *(merkle.inclusion(index, checkpoint.size) for index, _ in rotations)]
    proofs = [[b64(value) for value in proof] for proof in tree.prove(log, all_plans)]
    common = {
        "origin": log.origin,
        "checkpoint": checkpoint.note,
        "first_key": str(keys.verifier(log, log.first_key)),
        "rotations": [
            {"leaf_index": index, "leaf": json.loads(body), "inclusion": proof}
            for (index, body), proof in zip(rotations, proofs[len(plans) :], strict=True)
        ],
    }
    return common, proofs[: len(plans)]


def b64(value: bytes | memoryview) -> str:
    return base64.b64encode(value).decode()
