"""Numbers are given once, without a gap, whoever numbers and whatever commits late."""

import threading
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from tenants import audit
from tenants.models import AuditEntry
from tests import factories
from tests.usage.receipts import making
from usage import tasks
from usage.receipts import queries, sequencer, services, tree, verify
from usage.receipts.models import PLATFORM, AuditPending, Checkpoint, Log, LogKind, LogLeaf, LogNode, Receipt


def test_waiting_receipts_get_numbers_in_order_of_time(db):
    workspace_id = making.settle_many(5)
    assert making.sequence(workspace_id) == 5
    rows = list(Receipt.objects.filter(workspace_id=workspace_id).order_by("created_at", "id"))
    assert [row.leaf_index for row in rows] == [0, 1, 2, 3, 4]
    assert all(bytes(row.leaf_hash) == verify.leaf_hash(row.body.encode()) for row in rows)


def test_numbering_again_changes_nothing(db):
    workspace_id = making.settle_many(3)
    assert making.sequence(workspace_id) == 3
    assert making.sequence(workspace_id) == 0
    assert Log.objects.get(workspace_id=workspace_id).size == 3


def test_the_stored_tree_is_the_tree_of_the_leaves(db, monkeypatch):
    monkeypatch.setattr(sequencer, "BATCH", 3)
    workspace_id = making.settle_many(7)
    making.sequence(workspace_id)
    making.settle_many(4, workspace_id)
    making.sequence(workspace_id)
    log = Log.objects.get(workspace_id=workspace_id)
    hashes = [bytes(row.leaf_hash) for row in making.numbered(workspace_id)]
    expected = dict(verify.roots(hashes, set(range(12))))
    assert tree.roots(log, range(1, 12)) == expected
    assert LogNode.objects.filter(log=log).count() == 11 + 5 + 2 + 1


def test_logs_of_two_workspaces_are_apart(db):
    first, second = making.settle_many(2), making.settle_many(3)
    making.sequence(first), making.sequence(second)
    assert {log.workspace_id: log.size for log in Log.objects.filter(workspace_id__in=[first, second])} == {
        first: 2,
        second: 3,
    }


def test_eight_threads_number_each_receipt_once_and_without_a_gap(committed):
    workspace_id = uuid4()

    def settle_and_number(number: int) -> int:
        given = 0
        for _ in range(12):
            making.settle(workspace_id)
            given += sequencer.sequence(workspace_id, LogKind.RECEIPTS)
        return given

    given = factories.at_once(8, settle_and_number)
    assert sum(given) == 96, given
    assert [row.leaf_index for row in making.numbered(workspace_id)] == list(range(96))
    log = Log.objects.get(workspace_id=workspace_id)
    assert log.size == 96
    assert queries.verdicts(workspace_id).hold


def test_numbering_without_the_lock_collides(committed, monkeypatch):
    """The control: it is the lock that keeps threads apart. Even then the database lets no number be given twice."""
    workspace_id = making.settle_many(1)
    making.sequence(workspace_id)
    making.settle(workspace_id)
    monkeypatch.setattr("usage.receipts.locks.hold", lambda name: None)
    both_have_read = threading.Barrier(2, timeout=10)

    def hash_together(body):
        both_have_read.wait()
        return verify.leaf_hash(body)

    monkeypatch.setattr(sequencer, "leaf_hash", hash_together)
    results = factories.at_once(2, lambda _: sequencer.sequence(workspace_id, LogKind.RECEIPTS))
    assert [result for result in results if result == 1] == [1]
    assert [type(result) for result in results if result != 1] == [IntegrityError]
    assert [row.leaf_index for row in making.numbered(workspace_id)] == [0, 1]


def test_a_receipt_that_commits_late_is_numbered_after_those_that_did_not_wait(committed):
    workspace_id = uuid4()
    # Before both: neither may wait for the other's uncommitted limits. Without an amount they share no counter.
    factories.give_limits(workspace_id, ("messages", "month", None))
    settled, go_on = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        with transaction.atomic():
            making.settle(workspace_id)
            settled.set()
            assert go_on.wait(20)

    thread = threading.Thread(target=lambda: (slow(0), connection.close()))
    thread.start()
    assert settled.wait(20)
    quick = making.settle(workspace_id)
    assert making.sequence(workspace_id) == 1
    go_on.set()
    thread.join(20)
    assert making.sequence(workspace_id) == 1
    order = [row.hold_id for row in making.numbered(workspace_id)]
    assert order[0] == quick and len(order) == 2


def test_a_failed_batch_leaves_no_trace(db, monkeypatch):
    workspace_id = making.settle_many(3)

    def fail(*_):
        raise RuntimeError("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr("usage.receipts.tree.append", fail)
        with pytest.raises(RuntimeError):
            making.sequence(workspace_id)
    assert [row.leaf_index for row in making.numbered(workspace_id)] == [None, None, None]
    assert making.sequence(workspace_id) == 3


def test_what_was_committed_but_never_enqueued_is_swept(committed, monkeypatch):
    """The process died between the commit and the wake-up."""
    monkeypatch.setattr(services, "wake_sequencer", lambda *_: None)
    workspace_id = making.settle_many(2)
    assert [row.state for row in making.numbered(workspace_id)] == ["pending", "pending"]
    tasks.sequence_logs()
    assert [row.leaf_index for row in making.numbered(workspace_id)] == [0, 1]


def test_a_broken_log_does_not_keep_others_from_being_swept(committed, monkeypatch, caplog):
    broken, sound = uuid4(), uuid4()
    monkeypatch.setattr(services, "wake_sequencer", lambda *_: None)
    making.settle_many(1, broken), making.settle_many(1, sound)
    sequence = sequencer.sequence

    def fail_one(workspace_id, kind):
        if workspace_id == broken:
            raise RuntimeError("broken")
        return sequence(workspace_id, kind)

    with monkeypatch.context() as patch:
        patch.setattr(sequencer, "sequence", fail_one)
        tasks.sequence_logs()
    assert making.numbered(broken)[0].state == "pending"
    assert making.numbered(sound)[0].leaf_index == 0
    assert "a log could not be numbered" in caplog.text
    making.sequence(broken)


def test_settlements_wake_the_numbering_once_until_it_begins(committed, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks.sequence_log, "apply_async", lambda **options: woken.append(options["kwargs"]))
    workspace_id = making.settle_many(5)
    assert woken == [{"workspace_id": str(workspace_id), "kind": "receipts"}]
    tasks.sequence_log(**woken[0])
    assert [row.leaf_index for row in making.numbered(workspace_id)] == [0, 1, 2, 3, 4]
    making.settle(workspace_id)
    assert len(woken) == 2
    making.sequence(workspace_id)


def test_a_rolled_back_settlement_wakes_nobody_and_leaves_no_receipt(committed, monkeypatch):
    woken = []
    monkeypatch.setattr(services, "wake_sequencer", lambda *args: woken.append(args))
    workspace_id = uuid4()
    with pytest.raises(RuntimeError), transaction.atomic():
        making.settle(workspace_id)
        raise RuntimeError("the run's end could not be written")
    assert not woken and not Receipt.objects.filter(workspace_id=workspace_id).exists()


def test_audit_entries_are_leaves_of_a_log_of_their_own(db):
    workspace_id = uuid4()
    for number in range(3):
        audit.record("thing.made", actor=audit.SYSTEM, workspace_id=workspace_id, number=number, share=0.5)
    assert AuditPending.objects.filter(workspace_id=workspace_id).count() == 3
    assert (workspace_id, LogKind.AUDIT) in queries.list_waiting_logs()
    assert making.sequence(workspace_id, LogKind.AUDIT) == 3
    assert not AuditPending.objects.filter(workspace_id=workspace_id).exists()
    log = Log.objects.get(workspace_id=workspace_id, kind="audit")
    ids = list(
        AuditEntry.objects.filter(workspace_id=workspace_id).order_by("id").values_list("id", flat=True)
    )
    leaves = LogLeaf.objects.filter(log=log).order_by("leaf_index")
    assert list(leaves.values_list("leaf_index", "entry_id")) == list(enumerate(ids))
    assert queries.verdicts(workspace_id, LogKind.AUDIT).hold


def test_an_entry_without_a_workspace_is_a_leaf_of_the_platforms_log(db):
    making.sequence(PLATFORM, LogKind.AUDIT)
    audit.record("thing.made", actor=audit.SYSTEM, workspace_id=None)
    entry = AuditEntry.objects.latest("id")
    assert AuditPending.objects.get(entry_id=entry.id).workspace_id == PLATFORM
    assert making.sequence(PLATFORM, LogKind.AUDIT) == 1
    assert LogLeaf.objects.get(entry_id=entry.id).log.workspace_id == PLATFORM
    assert queries.verdicts(PLATFORM, LogKind.AUDIT).hold


def test_a_checkpoint_is_signed_once_for_each_size(db):
    workspace_id = making.settle_many(2)
    first = services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    assert services.take_checkpoint(workspace_id, LogKind.RECEIPTS) == first
    making.settle(workspace_id)
    second = services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    assert [first.size, second.size] == [2, 3]
    assert Checkpoint.objects.filter(log=second.log).count() == 2


def test_an_empty_log_has_a_checkpoint_too(db):
    checkpoint = services.take_checkpoint(uuid4(), LogKind.RECEIPTS)
    assert (checkpoint.size, bytes(checkpoint.root)) == (0, verify.EMPTY_ROOT)


def test_numbering_and_proving_read_few_nodes(db, django_assert_num_queries):
    workspace_id = making.settle_many(40)
    making.sequence(workspace_id)
    services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    receipt = making.numbered(workspace_id)[17]
    with django_assert_num_queries(4):  # the receipt, its checkpoint, changes of keys, nodes
        services.document(receipt.id)
