"""Numbers what is committed and has no number yet: the only writer of a log, one at a time by its lock.

Numbers are given after the commit of what they number, in the order of time among what is visible then, and in the
same transaction as the log's size. So they have no gap, whatever commits late or fails (docs/receipts.md).
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction

from tenants.models import AuditEntry
from usage.receipts import bodies, keys, locks, tree
from usage.receipts.models import AuditPending, Checkpoint, Log, LogKind, LogLeaf, Receipt
from usage.receipts.verify import leaf_hash

BATCH = 500
NUMBER = """
UPDATE usage_receipt r SET state = 'numbered', leaf_index = n.index, leaf_hash = n.hash,
       numbered_at = statement_timestamp()
FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[]) AS n(id, index, hash) WHERE r.id = n.id
"""


def sequence(workspace_id: UUID, kind: LogKind) -> int:
    """Numbers everything that waits, in transactions of BATCH leaves. Returns how many. Safe at any time."""
    numbered = 0
    while True:
        with locked(workspace_id, kind) as log:
            count = number_batch(log)
        numbered += count
        if count < BATCH:
            return numbered


@contextmanager
def locked(workspace_id: UUID, kind: LogKind) -> Iterator[Log]:
    """The log, for one writer until the end of the transaction that this opens. It signs with the key in force."""
    with transaction.atomic():
        locks.hold(f"{workspace_id}/{kind}")
        rows = Log.objects.select_related("signing_key").filter(workspace_id=workspace_id, kind=kind)
        log = rows.first() or _create(workspace_id, kind)
        _adopt_key(log)
        yield log


def _create(workspace_id: UUID, kind: LogKind) -> Log:
    key = keys.in_force()
    return Log.objects.create(workspace_id=workspace_id, kind=kind, first_key=key, signing_key=key)


def _adopt_key(log: Log) -> None:
    """Writes a change of keys that happened meanwhile into the log, before anything else is written or signed."""
    if log.signing_key.retired_at is None:
        return
    new = keys.in_force()
    body = bodies.canonical(keys.rotation_leaf(log, new))
    value = leaf_hash(body.encode())
    LogLeaf.objects.create(
        log=log, leaf_index=log.size, type=LogLeaf.Type.ROTATION, body=body, leaf_hash=value
    )
    tree.append(log, [value])
    log.signing_key = new
    log.save(update_fields=["signing_key"])
    checkpoint(log)


def number_batch(log: Log) -> int:
    """Numbers up to BATCH waiting leaves of a locked log. Returns how many."""
    numberers = {LogKind.RECEIPTS: _number_receipts, LogKind.AUDIT: _number_audit_entries}
    return numberers[LogKind(log.kind)](log)


def _number_receipts(log: Log) -> int:
    waiting = Receipt.objects.filter(workspace_id=log.workspace_id, state=Receipt.State.PENDING)
    rows = list(waiting.order_by("created_at", "id").values_list("id", "body")[:BATCH])
    if not rows:
        return 0
    hashes = [leaf_hash(body.encode()) for _, body in rows]
    with connection.cursor() as cursor:
        indexes = list(range(log.size, log.size + len(rows)))
        cursor.execute(NUMBER, [[row_id for row_id, _ in rows], indexes, hashes])
    tree.append(log, hashes)
    return len(rows)


def _number_audit_entries(log: Log) -> int:
    waiting = AuditPending.objects.filter(workspace_id=log.workspace_id).values("entry_id")
    entries = list(AuditEntry.objects.filter(id__in=waiting).order_by("created_at", "id")[:BATCH])
    if not entries:
        return 0
    texts = [bodies.canonical(bodies.of_audit_entry(entry)) for entry in entries]
    hashes = [leaf_hash(text.encode()) for text in texts]
    LogLeaf.objects.bulk_create(
        LogLeaf(
            log=log,
            leaf_index=log.size + number,
            type=LogLeaf.Type.AUDIT,
            entry_id=entry.id,
            body=text,
            leaf_hash=value,
        )
        for number, (entry, text, value) in enumerate(zip(entries, texts, hashes, strict=True))
    )
    AuditPending.objects.filter(entry_id__in=[entry.id for entry in entries]).delete()
    tree.append(log, hashes)
    return len(entries)


def checkpoint(log: Log) -> Checkpoint:
    """Signs the log as it is now, once per size. The log is locked. Raises UnableToSign."""
    found = Checkpoint.objects.filter(log=log, size=log.size).first()
    if found is not None:
        return found
    root = tree.root(log, log.size)
    note = keys.sign_note(log, f"{log.origin}\n{log.size}\n{base64.b64encode(root).decode()}\n")
    return Checkpoint.objects.create(
        log=log, size=log.size, root=root, note=note, signing_key=log.signing_key
    )
