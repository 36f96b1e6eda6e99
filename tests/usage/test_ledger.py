"""The ledger only grows, and the database refuses rows that cannot be true."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from tests.factories import open_hold
from usage.models import Hold, LedgerEntry, Price, Stop


def make_entry(**fields) -> LedgerEntry:
    values = {
        "hold_id": uuid4(), "workspace_id": uuid4(), "person_ref": uuid4(), "kind": "settlement",
        "run_kind": "reply", "provider": "openai", "model": "gpt-4o-mini", "cost_micro": 5,
    } | fields  # fmt: skip
    return LedgerEntry.objects.create(**values)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE usage_ledgerentry SET cost_micro = 0 WHERE id = %s",
        "UPDATE usage_ledgerentry SET person_ref = gen_random_uuid() WHERE id = %s",
        "DELETE FROM usage_ledgerentry WHERE id = %s",
        "TRUNCATE usage_ledgerentry",
        "TRUNCATE usage_ledgerentry, usage_hold CASCADE",
    ],
)
def test_ledger_refuses_every_change(db, statement):
    entry = make_entry()
    arguments = [entry.id] if "%s" in statement else None
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, arguments)
    assert LedgerEntry.objects.filter(id=entry.id, cost_micro=5, person_ref=entry.person_ref).exists()


def test_ledger_model_refuses_save_and_delete(db):
    entry = make_entry()
    entry.cost_micro = 0
    for change in (entry.save, entry.delete, LedgerEntry.objects.filter(id=entry.id).delete):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()
    assert LedgerEntry.objects.get(id=entry.id).cost_micro == 5


def refused(constraint: str):
    return pytest.raises(IntegrityError, match=constraint)


def test_hold_has_a_known_state(db):
    hold_id = open_hold()
    with refused("hold_state_known|hold_resolved_iff_final"), transaction.atomic():
        Hold.objects.filter(id=hold_id).update(state="lost", resolved_at=timezone.now())
    assert Hold.objects.get(id=hold_id).state == "held"


@pytest.mark.parametrize("state", ["settled", "released"])
def test_resolved_hold_says_when(db, state):
    hold_id = open_hold()
    with refused("hold_resolved_iff_final"), transaction.atomic():
        Hold.objects.filter(id=hold_id).update(state=state)
    with refused("hold_resolved_iff_final"), transaction.atomic():
        Hold.objects.filter(id=hold_id).update(resolved_at=timezone.now())
    Hold.objects.filter(id=hold_id).update(state=state, resolved_at=timezone.now())


def test_price_is_never_negative(db):
    with refused("price_not_negative"), transaction.atomic():
        Price.objects.create(
            provider="openai", model="m", meter="input_tokens", effective_at=timezone.now(), source="s",
            micro_per_million=-1,
        )  # fmt: skip


def test_stop_names_what_it_stops_once_and_ends_after_it_began(db):
    with refused("stop_has_target"), transaction.atomic():
        Stop.objects.create(scope="platform", target="x", reason="r")
    with refused("stop_has_target"), transaction.atomic():
        Stop.objects.create(scope="model", target="", reason="r")
    first = Stop.objects.create(scope="model", target="m", reason="r")
    with refused("stop_once"), transaction.atomic():
        Stop.objects.create(scope="model", target="m", reason="again")
    with refused("stop_lifted_after"), transaction.atomic():
        Stop.objects.filter(id=first.id).update(lifted_at=first.created_at - timedelta(seconds=1))
    Stop.objects.filter(id=first.id).update(lifted_at=timezone.now())
    Stop.objects.create(scope="model", target="m", reason="later")
