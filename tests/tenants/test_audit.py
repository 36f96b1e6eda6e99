"""The audit log only grows, and an entry stands or falls with the change it tells."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from tenants import audit
from tenants.audit import SYSTEM
from tenants.models import AuditEntry


@pytest.fixture
def entry(db) -> AuditEntry:
    audit.record("thing.made", actor=SYSTEM, workspace_id=None, target=("thing", 7), colour="blue")
    return AuditEntry.objects.latest("id")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_auditentry SET action = 'x' WHERE id = %s",
        "DELETE FROM tenants_auditentry WHERE id = %s",
        "TRUNCATE tenants_auditentry",
        "TRUNCATE tenants_auditentry CASCADE",
    ],
)
def test_audit_table_refuses_every_change(entry, statement):
    arguments = [entry.id] if "%s" in statement else None
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, arguments)
    entry.refresh_from_db()
    assert entry.action == "thing.made"


def test_audit_model_refuses_save_and_delete(entry):
    entry.action = "thing.hidden"
    for change in (entry.save, entry.delete, AuditEntry.objects.all().delete):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()
    assert AuditEntry.objects.get(id=entry.id).action == "thing.made"


def test_a_table_without_the_trigger_can_be_changed(db):
    """The control: it is the trigger that refuses, not the connection."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE ordinary (id int); INSERT INTO ordinary VALUES (1)")
        cursor.execute("UPDATE ordinary SET id = 2; DELETE FROM ordinary; TRUNCATE ordinary")
        cursor.execute("SELECT count(*) FROM ordinary")
        assert cursor.fetchone() == (0,)


def test_entry_says_who_what_and_on_what(entry):
    assert (entry.actor_kind, entry.actor_ref, entry.target_type, entry.target_id) == (
        "system",
        None,
        "thing",
        "7",
    )
    assert entry.data == {"colour": "blue"}


def test_entry_is_undone_with_the_change_it_tells(db):
    before = AuditEntry.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        audit.record("thing.made", actor=SYSTEM, workspace_id=None)
        raise ZeroDivisionError
    assert AuditEntry.objects.count() == before


def test_recording_outside_a_transaction_raises(committed):
    before = AuditEntry.objects.count()
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record("thing.made", actor=SYSTEM, workspace_id=None)
    assert AuditEntry.objects.count() == before
