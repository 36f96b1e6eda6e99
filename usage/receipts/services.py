"""Writes to receipts and their logs."""

import json
import logging
from typing import Any
from uuid import UUID, uuid4

import redis
from django.db import Error as DatabaseFailure
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from config import errors
from config import redis as redis_clients
from tenants import audit
from tenants import keys as names
from usage import outlets, prices
from usage.receipts import bodies, documents, keys, mails, queries, sequencer, tree, verify
from usage.receipts.models import PLATFORM, Checkpoint, Log, LogKind, Receipt, SigningKey
from usage.receipts.settled import SettledRun
from usage.receipts.verdicts import Problem, Verdict, Verdicts

WAKE_ONCE_S = 10
GATHER_S = 1
"""Settlements so close to each other are numbered together: the tree grows once for all of them."""
logger = logging.getLogger(__name__)


class CheckpointNotFound(errors.NotFound):
    code = "checkpoint_not_found"
    message = "This log has no checkpoint of that size."


def issue(run: SettledRun) -> UUID:
    """Writes the receipt of a run in the transaction that settles it; it is numbered after the commit."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a receipt is issued in the transaction of its settlement")
    receipt_id = uuid4()
    hold, actual = run.settlement.held, run.settlement.actual
    rates = prices.list_rows(
        provider=actual.provider, model=actual.model, at=hold.created_at, variant=actual.variant
    )
    Receipt.objects.create(
        id=receipt_id,
        workspace_id=hold.workspace_id,
        hold_id=hold.id,
        person_ref=hold.person_ref,
        kind=hold.kind,
        model=hold.model,
        body=bodies.canonical(bodies.of_receipt(receipt_id, run, rates)),
        created_at=timezone.now(),
    )
    transaction.on_commit(lambda: wake_sequencer(hold.workspace_id, LogKind.RECEIPTS))
    return receipt_id


def wake_sequencer(workspace_id: UUID, kind: LogKind) -> None:
    """Enqueues the numbering, once for all that is committed before it begins. Lost wake-ups are swept."""
    from usage.tasks import sequence_log  # noqa: PLC0415  tasks call services

    flag = names.sequencer_flag(workspace_id, kind)
    try:
        if redis_clients.client().set(flag, 1, nx=True, ex=WAKE_ONCE_S):
            ids = {"workspace_id": str(workspace_id), "kind": kind.value}
            sequence_log.apply_async(kwargs=ids, countdown=GATHER_S)
    except (redis.RedisError, BrokerError):
        logger.warning("numbering was not enqueued; the sweep will do it")


def sequence(workspace_id: UUID, kind: LogKind) -> int:
    """Numbers everything that waits in a log. Returns how many."""
    try:
        # Before it reads what waits: who commits after this sets the flag again.
        redis_clients.client().delete(names.sequencer_flag(workspace_id, kind))
    except redis.RedisError:
        logger.warning("the numbering flag could not be taken down; it expires")
    return sequencer.sequence(workspace_id, kind)


def document(receipt_id: UUID) -> dict[str, Any]:
    """The verifiable document of a receipt. Numbers it and signs a checkpoint first where that is still due."""
    receipt = Receipt.objects.get(id=receipt_id)
    checkpoint = queries.newest_checkpoint(receipt.workspace_id, LogKind.RECEIPTS)
    if receipt.leaf_index is None or checkpoint is None or checkpoint.size <= receipt.leaf_index:
        checkpoint = take_checkpoint(receipt.workspace_id, LogKind.RECEIPTS)
        receipt.refresh_from_db()
    return documents.of_receipt(receipt, checkpoint)


def take_checkpoint(workspace_id: UUID, kind: LogKind) -> Checkpoint:
    """Numbers everything that waits and signs the log as it is then. Raises UnableToSign."""
    sequencer.sequence(workspace_id, kind)
    with sequencer.locked(workspace_id, kind) as log:
        sequencer.number_batch(log)
        return sequencer.checkpoint(log)


def verdicts_of(receipt_id: UUID) -> Verdicts:
    """The two verdicts on one receipt: its document verifies; it is the one receipt of one settlement."""
    receipt = Receipt.objects.get(id=receipt_id)
    text = json.dumps(document(receipt_id), ensure_ascii=False)
    integrity = Verdict(checked=1)
    for problem in verify.verify([text], verify.Report()).problems:
        integrity.add(Problem(problem.code, str(receipt_id), problem.message))
    return Verdicts(integrity, queries.settlement_verdict(receipt), size=1, pending=0)


def consistency_document(workspace_id: UUID, kind: LogKind, first: int, second: int | None) -> dict[str, Any]:
    """From the checkpoint of `first` leaves to that of `second`, or to a new one. Raises CheckpointNotFound."""
    old = queries.checkpoint_of(workspace_id, kind, first)
    if second is None:
        new: Checkpoint | None = take_checkpoint(workspace_id, kind)
    else:
        new = queries.checkpoint_of(workspace_id, kind, max(first, second))
    if old is None or new is None:
        raise CheckpointNotFound()
    return documents.of_consistency(old, new)


def mail_checkpoints(workspace_id: UUID, *, only_news: bool) -> bool:
    """Mails the logs' checkpoints to the owners, so that they are kept elsewhere; the platform's to staff. False when
    nothing was sent."""
    is_platform = workspace_id == PLATFORM
    taken = [take_checkpoint(workspace_id, kind) for kind in ([LogKind.AUDIT] if is_platform else LogKind)]
    if only_news and all(each.size <= each.log.mailed_size for each in taken):
        return False
    for each in [] if is_platform else taken:
        outlets.tell(
            workspace_id=workspace_id,
            event=outlets.CHECKPOINT_SIGNED,
            data={"log": each.log.kind, "size": each.size, "checkpoint": each.note},
        )
    sent = mails.send_checkpoints(workspace_id, taken)
    if sent:
        for each in taken:
            Log.objects.filter(id=each.log_id).update(mailed_size=each.size)
    return sent


def mail_checkpoints_now(workspace_id: UUID, *, actor: audit.Actor) -> bool:
    """The same on a person's wish, whatever was mailed before."""
    with transaction.atomic():
        audit.record("receipts.checkpoints_mailed", actor=actor, workspace_id=workspace_id)
    return mail_checkpoints(workspace_id, only_news=False)


def rotate_key(*, reason: SigningKey.Reason, actor: audit.Actor) -> list[Log]:
    """Puts a new key in force and writes the change into every log. Returns the logs that could not take it up yet:
    they do before they are written to or signed next."""
    with transaction.atomic():
        old = keys.in_force()
        new = keys.retire(old, reason)
        audit.record(
            "receipts.key_rotated",
            actor=actor,
            workspace_id=None,
            target=("signing_key", new.id),
            reason=str(reason),
            retired=str(old.id),
        )
    failed = []
    for log in Log.objects.exclude(signing_key=new).order_by("id"):
        try:
            with sequencer.locked(log.workspace_id, LogKind(log.kind)):
                pass
        except (errors.DomainError, tree.NodesMissing, DatabaseFailure):
            # One log must not keep the others on a key that was given up.
            logger.exception("a log could not take up the new key")
            failed.append(log)
    keys.destroy_unused()
    return failed
