"""Two verdicts. Each is shown to fail for its own reason: a row altered behind the triggers, a settlement alone."""

import json
from contextlib import contextmanager
from datetime import UTC
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from tenants import audit
from tenants.models import AuditEntry
from tests.usage.receipts import making
from usage.models import Hold
from usage.receipts import examination, integrity, late, presenters, queries, services, verify
from usage.receipts.models import LogKind, LogVerdict, Receipt, SigningKey
from usage.reconciliation import services as reconciliation
from usage.reconciliation.models import BooksItem


@pytest.fixture
def workspace_id(db):
    workspace_id = making.settle_many(9)
    services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    return workspace_id


@contextmanager
def behind_the_triggers():
    """As somebody with the database's own rights could."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def tamper(statement: str, *values: object) -> None:
    with behind_the_triggers() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount > 0


def found(workspace_id, kind=LogKind.RECEIPTS) -> tuple[set[str], set[str]]:
    verdicts = queries.verdicts(workspace_id, kind)
    return {p.code for p in verdicts.integrity.problems}, {p.code for p in verdicts.completeness.problems}


def test_an_untouched_log_is_intact_and_complete(workspace_id):
    verdicts = queries.verdicts(workspace_id)
    assert verdicts.hold and not verdicts.integrity.problems and not verdicts.completeness.problems
    assert (verdicts.size, verdicts.integrity.checked, verdicts.completeness.checked) == (9, 9, 9)


def test_a_workspace_without_runs_is_intact_and_complete(db):
    verdicts = queries.verdicts(uuid4())
    assert verdicts.hold and verdicts.size == 0


def test_a_settlement_without_a_receipt_is_incomplete_and_intact(workspace_id):
    run = making.settle(workspace_id, has_receipt=False)
    verdicts = queries.verdicts(workspace_id)
    assert verdicts.integrity.holds
    assert [(p.code, p.where) for p in verdicts.completeness.problems] == [
        ("settlement_without_receipt", str(run))
    ]


def test_a_receipt_without_a_settlement_is_incomplete(workspace_id):
    tamper("DELETE FROM usage_ledgerentry WHERE hold_id = %s", making.numbered(workspace_id)[3].hold_id)
    assert found(workspace_id) == (set(), {"receipt_without_settlement"})


@pytest.mark.parametrize("column", ["cost_micro", "input_tokens", "output_tokens"])
def test_a_ledger_entry_that_says_something_else_is_incomplete(workspace_id, column):
    hold_id = making.numbered(workspace_id)[3].hold_id
    tamper(f"UPDATE usage_ledgerentry SET {column} = {column} + 1 WHERE hold_id = %s", hold_id)
    assert found(workspace_id) == (set(), {"receipt_differs"})


def test_a_receipt_that_was_never_numbered_is_incomplete_after_a_minute(workspace_id):
    run = making.settle(workspace_id)
    assert queries.verdicts(workspace_id).hold and queries.verdicts(workspace_id).pending == 1
    tamper("UPDATE usage_receipt SET created_at = now() - interval '2 minutes' WHERE hold_id = %s", run)
    assert found(workspace_id) == (set(), {"receipt_not_numbered"})


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE usage_receipt SET body = replace(body, '\"attempt\":1', '\"attempt\":2') WHERE {one}", "leaf_altered"),
        ("UPDATE usage_receipt SET body = 'not even json' WHERE {one}", "leaf_altered"),
        ("UPDATE usage_receipt SET leaf_hash = sha256('x') WHERE {one}", "leaf_altered"),
        (
            "UPDATE usage_receipt SET body = body || ' ', leaf_hash = sha256('\\x00'::bytea || "
            "convert_to(body || ' ', 'UTF8')) WHERE {one}",
            "leaf_misplaced",
        ),
        ("DELETE FROM usage_receipt WHERE {one}", "leaf_misplaced"),
        ("UPDATE usage_receipt SET leaf_index = 400 WHERE {one}", "leaf_misplaced"),
        ("UPDATE usage_receipt SET person_ref = gen_random_uuid() WHERE {one}", "leaf_mislabelled"),
        ("UPDATE usage_receipt SET model = 'other' WHERE {one}", "leaf_mislabelled"),
        ("UPDATE usage_lognode SET hash = sha256('x') WHERE {log} AND level = 0 AND index = 3", "leaf_misplaced"),
        ("UPDATE usage_lognode SET hash = sha256('x') WHERE {log} AND level = 2 AND index = 1", "node_altered"),
        ("DELETE FROM usage_lognode WHERE {log} AND level = 3", "nodes_missing"),
        ("UPDATE usage_log SET size = size + 1 WHERE {log_row}", "nodes_missing"),
        ("UPDATE usage_checkpoint SET root = sha256('x') WHERE {log}", "checkpoint_wrong"),
        ("UPDATE usage_checkpoint SET size = size - 1 WHERE {log}", "checkpoint_wrong"),
        ("UPDATE usage_checkpoint SET note = replace(note, E'\\n9\\n', E'\\n8\\n') WHERE {log}", "checkpoint_wrong"),
    ],
)  # fmt: skip
def test_an_altered_row_breaks_integrity(workspace_id, statement, code):
    places = {
        "one": f"workspace_id = '{workspace_id}' AND leaf_index = 3",
        "log": f"log_id = (SELECT id FROM usage_log WHERE workspace_id = '{workspace_id}')",
        "log_row": f"workspace_id = '{workspace_id}'",
    }
    tamper(statement.format(**places))
    integrity, completeness = found(workspace_id)
    assert code in integrity
    assert completeness <= {"settlement_without_receipt"}


def test_a_log_cut_back_to_before_a_checkpoint_breaks_integrity(workspace_id):
    log = f"(SELECT id FROM usage_log WHERE workspace_id = '{workspace_id}')"
    tamper(f"DELETE FROM usage_receipt WHERE workspace_id = '{workspace_id}' AND leaf_index = 8")
    tamper(f"DELETE FROM usage_lognode WHERE log_id = {log} AND level = 0 AND index = 8")
    tamper(f"UPDATE usage_log SET size = 8 WHERE id = {log}")
    assert found(workspace_id) == ({"checkpoint_wrong"}, {"settlement_without_receipt"})


def test_a_key_that_was_not_handed_over_in_the_log_breaks_integrity(workspace_id):
    SigningKey.objects.filter(retired_at=None).update(
        retired_at="2026-01-01T00:00Z", retired_reason="routine"
    )
    from usage.receipts import keys

    other = keys.make()
    tamper("UPDATE usage_log SET signing_key_id = %s WHERE workspace_id = %s", other.id, workspace_id)
    assert found(workspace_id)[0] == {"rotation_broken"}


def test_changed_keys_are_intact(workspace_id):
    services.rotate_key(reason=SigningKey.Reason.ROUTINE, actor=audit.SYSTEM)
    making.settle(workspace_id)
    services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    verdicts = queries.verdicts(workspace_id)
    assert verdicts.hold and verdicts.size == 11
    tamper(
        "UPDATE usage_logleaf SET body = replace(body, 'routine', 'compromised') "
        "WHERE log_id = (SELECT id FROM usage_log WHERE workspace_id = %s)",
        workspace_id,
    )
    assert {"leaf_altered", "rotation_broken"} <= found(workspace_id)[0]


def test_an_altered_audit_entry_breaks_the_audit_logs_integrity(db):
    workspace_id = uuid4()
    for _ in range(3):
        audit.record("thing.made", actor=audit.SYSTEM, workspace_id=workspace_id, colour="blue")
    making.sequence(workspace_id, LogKind.AUDIT)
    assert found(workspace_id, LogKind.AUDIT) == (set(), set())
    tamper("UPDATE tenants_auditentry SET action = 'thing.hidden' WHERE workspace_id = %s", workspace_id)
    assert found(workspace_id, LogKind.AUDIT) == ({"entry_altered"}, set())


def test_an_audit_entry_that_never_reached_the_log_is_incomplete(db):
    workspace_id = uuid4()
    audit.record("thing.made", actor=audit.SYSTEM, workspace_id=workspace_id)
    tamper("DELETE FROM usage_auditpending WHERE workspace_id = %s", workspace_id)
    tamper(
        "UPDATE tenants_auditentry SET created_at = now() - interval '2 minutes' WHERE workspace_id = %s",
        workspace_id,
    )
    making.sequence(workspace_id, LogKind.AUDIT)
    assert found(workspace_id, LogKind.AUDIT)[1] == {"entry_not_logged"}


def test_a_checkpoint_signed_while_the_log_is_read_is_no_problem(committed, monkeypatch):
    workspace_id = making.settle_many(3)
    services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    check = integrity._check_leaves

    def check_while_it_grows(log, since, verdict):
        making.settle(workspace_id)
        services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
        check(log, since, verdict)

    monkeypatch.setattr(integrity, "_check_leaves", check_while_it_grows)
    verdicts = queries.verdicts(workspace_id)
    assert verdicts.integrity.holds and verdicts.size == 3


def test_many_problems_are_counted_and_the_first_are_named(db):
    workspace_id = uuid4()
    for _ in range(25):
        making.settle(workspace_id, has_receipt=False)
    verdict = queries.verdicts(workspace_id).completeness
    assert (verdict.count, len(verdict.problems)) == (25, 20)


def test_one_receipt_has_two_verdicts_of_its_own(workspace_id):
    receipt, other = making.numbered(workspace_id)[3:5]
    assert services.verdicts_of(receipt.id).hold
    tamper(
        "UPDATE usage_receipt SET body = replace(body, '\"attempt\":1', '\"attempt\":2') WHERE id = %s",
        receipt.id,
    )
    verdicts = services.verdicts_of(receipt.id)
    assert [p.code for p in verdicts.integrity.problems] == ["receipt_altered"]
    assert verdicts.completeness.holds
    assert services.verdicts_of(other.id).hold
    tamper("DELETE FROM usage_ledgerentry WHERE hold_id = %s", other.hold_id)
    assert not services.verdicts_of(other.id).completeness.holds


def test_released_runs_need_no_receipt(workspace_id):
    from tests import factories
    from usage.holds import services as holds

    hold_id = factories.open_hold(workspace_id=workspace_id)
    attempt = holds.claim(hold_id).attempt
    with transaction.atomic():
        holds.release(hold_id, attempt=attempt, reason="stopped")
    assert Hold.objects.get(id=hold_id).state == "released"
    assert not Receipt.objects.filter(hold_id=hold_id).exists()
    assert queries.verdicts(workspace_id).hold


def test_a_settlement_of_the_time_before_receipts_gets_a_late_one_by_command(db):
    workspace = uuid4()
    hold_id = making.settle(workspace, has_receipt=False)
    assert [row.code for row in queries.verdicts(workspace).completeness.problems] == [
        "settlement_without_receipt"
    ]
    out = StringIO()
    call_command("issue_missing_receipts", stdout=out)
    assert f"{workspace}: 1 receipts written" in out.getvalue()
    assert late.issue_missing(workspace_id=workspace, actor=audit.SYSTEM) == 0
    assert workspace not in late.list_workspaces()
    receipt = Receipt.objects.get(hold_id=hold_id)
    document = services.document(receipt.id)
    assert document["receipt"]["recorded"] == "later"
    assert document["receipt"]["texts"] == {"prompt": "", "answer": ""}
    assert not verify.verify([json.dumps(document)], verify.Report()).problems
    assert queries.verdicts(workspace).hold
    (entry,) = AuditEntry.objects.filter(workspace_id=workspace, action="receipts.issued_late")
    assert entry.data == {"count": 1}
    shown = {row.name: row.value for part in presenters.sections(document["receipt"]) for row in part.entries}
    assert shown["Recorded"] == "later, from the ledger alone"


@pytest.fixture
def long_log(workspace_id, monkeypatch):
    """A log too long to be looked at whole by day: nine leaves of the night, four of today."""
    monkeypatch.setattr(examination, "WHOLE_UP_TO", 5)
    assert examination.examine_whole(workspace_id, LogKind.RECEIPTS).hold
    making.settle_many(4, workspace_id)
    making.sequence(workspace_id)
    return workspace_id


def leaf(workspace_id, index: int, column: str = "body", value: str = "{}") -> None:
    tamper(
        f"UPDATE usage_receipt SET {column} = %s WHERE workspace_id = %s AND leaf_index = %s",
        value,
        workspace_id,
        index,
    )


def test_a_long_log_is_told_by_the_nights_verdict_and_what_came_since(long_log):
    stored = LogVerdict.objects.get(log__workspace_id=long_log)
    verdicts = queries.verdicts(long_log)
    assert verdicts.hold
    assert (verdicts.size, verdicts.whole_size, verdicts.whole_at) == (13, 9, stored.began_at)
    assert (verdicts.integrity.checked, verdicts.completeness.checked) == (13, 13)


@pytest.mark.parametrize("index", [9, 12])
def test_what_is_wrong_since_the_night_is_seen_at_once(long_log, index):
    leaf(long_log, index)
    assert found(long_log) == ({"leaf_altered"}, set())


def test_a_settlement_since_the_night_without_a_receipt_is_seen_at_once(long_log):
    making.settle(long_log, has_receipt=False)
    assert found(long_log) == (set(), {"settlement_without_receipt"})
    late.issue_missing(workspace_id=long_log, actor=audit.SYSTEM)
    making.sequence(long_log)
    verdicts = queries.verdicts(long_log)
    assert verdicts.hold and verdicts.whole_at is None, "everything was looked at again"


def test_an_altered_leaf_of_before_the_night_is_seen_by_the_next_night_and_the_answer_says_how_old_it_is(
    long_log,
):
    leaf(long_log, 2)
    by_day = queries.verdicts(long_log)
    assert by_day.integrity.holds and by_day.whole_at is not None
    assert not examination.examine_whole(long_log, LogKind.RECEIPTS).hold
    assert found(long_log)[0] == {"leaf_altered"}, "and from then on by day too"


def test_a_rewritten_past_is_seen_by_day_from_its_root(long_log):
    tamper(
        "UPDATE usage_lognode SET hash = sha256('x') WHERE level = 3 AND index = 0 AND log_id = "
        "(SELECT id FROM usage_log WHERE workspace_id = %s AND kind = 'receipts')", long_log,
    )  # fmt: skip
    assert "history_rewritten" in found(long_log)[0]


def test_a_log_shorter_than_in_the_night_is_seen_by_day(long_log):
    tamper("UPDATE usage_log SET size = 7 WHERE workspace_id = %s AND kind = 'receipts'", long_log)
    assert "tail_missing" in found(long_log)[0]


def test_a_missing_node_of_the_tail_is_seen_by_day(long_log):
    tamper(
        "DELETE FROM usage_lognode WHERE level = 1 AND index = 5 AND log_id = "
        "(SELECT id FROM usage_log WHERE workspace_id = %s AND kind = 'receipts')", long_log,
    )  # fmt: skip
    assert "nodes_missing" in found(long_log)[0]


def test_the_nightly_closing_looks_at_every_log_and_names_what_is_not_sound(workspace_id):
    leaf(workspace_id, 3)
    day = timezone.now().astimezone(UTC).date()
    reconciliation.close(day=day, workspace_ids=[workspace_id])
    items = BooksItem.objects.filter(workspace_id=workspace_id, kind=BooksItem.Kind.LOG)
    assert [(item.subject, item.found) for item in items] == [("receipts log: integrity: leaf_altered", 1)]
    assert (
        LogVerdict.objects.get(log__workspace_id=workspace_id, log__kind="receipts").integrity["count"] == 1
    )
