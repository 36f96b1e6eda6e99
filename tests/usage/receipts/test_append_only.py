"""The database itself refuses to change what was recorded, whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction

from tests.usage.receipts import making
from usage.receipts import services
from usage.receipts.models import Checkpoint, Log, LogKind, LogNode, Receipt


@pytest.fixture
def receipt(db) -> Receipt:
    workspace_id = making.settle_many(2)
    services.take_checkpoint(workspace_id, LogKind.RECEIPTS)
    return making.numbered(workspace_id)[0]


def refuse(statement: str, *values: object) -> None:
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    "change",
    [
        "body = body || ' '", "leaf_index = leaf_index + 5", "leaf_hash = sha256('x')",
        "person_ref = gen_random_uuid()",
        "state = 'pending', leaf_index = NULL, leaf_hash = NULL, numbered_at = NULL", "model = 'gpt-4o'",
        "created_at = created_at - interval '1 day'", "numbered_at = numbered_at + interval '1 s'",
    ],
)  # fmt: skip
def test_a_numbered_receipt_refuses_every_change(receipt, change):
    refuse(f"UPDATE usage_receipt SET {change} WHERE id = %s", receipt.id)
    assert Receipt.objects.get(id=receipt.id).body == receipt.body


@pytest.mark.parametrize("extra", ["body = '{}'", "model = 'x'", "hold_id = gen_random_uuid()", "kind = 'x'"])
def test_numbering_a_receipt_may_change_nothing_else(receipt, extra):
    hold_id = making.settle(receipt.workspace_id)
    number = "state = 'numbered', leaf_index = 2, leaf_hash = sha256('x'), numbered_at = now()"
    refuse(f"UPDATE usage_receipt SET {number}, {extra} WHERE hold_id = %s", hold_id)
    with connection.cursor() as cursor:  # the control
        cursor.execute(f"UPDATE usage_receipt SET {number} WHERE hold_id = %s", [hold_id])
        assert cursor.rowcount == 1


def test_nothing_of_a_log_is_deleted_or_emptied(receipt):
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # what waits for the commit would refuse a TRUNCATE first
    for table in ("receipt", "log", "lognode", "checkpoint"):
        refuse(f"DELETE FROM usage_{table}")
        refuse(f"TRUNCATE usage_{table} CASCADE")


def test_nodes_and_checkpoints_refuse_changes(receipt):
    refuse("UPDATE usage_lognode SET hash = sha256('x')")
    refuse("UPDATE usage_checkpoint SET note = ''")
    assert LogNode.objects.exists() and Checkpoint.objects.exists()


def test_a_log_never_shrinks_and_keeps_its_name(receipt):
    for change in ("size = size - 1", "workspace_id = gen_random_uuid()", "kind = 'audit'"):
        refuse(f"UPDATE usage_log SET {change} WHERE workspace_id = %s", receipt.workspace_id)
    assert Log.objects.get(workspace_id=receipt.workspace_id).size == 2


def test_a_run_has_one_receipt(receipt):
    with pytest.raises(IntegrityError), transaction.atomic():
        Receipt.objects.create(
            workspace_id=receipt.workspace_id,
            hold_id=receipt.hold_id,
            person_ref=receipt.person_ref,
            kind="reply",
            model="x",
            body="{}",
            created_at=receipt.created_at,
        )
