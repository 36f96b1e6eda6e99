"""What is counted in total: never more than the plan holds, however many are made at once."""

import threading

import pytest
from django.db import transaction

from assistants.builder import queries as builder_queries
from assistants.builder import services as builder_services
from assistants.models import Assistant
from tenants import audit
from tenants.scope import WorkspaceRef, enter, workspace_scope
from tests import factories
from tests.usage.crowds import crowd
from usage import gauges
from usage.features import queries as features
from usage.holds.types import QuotaExceeded
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Counter, Limit, Meter
from usage.reconciliation import invariants

PRESENT = 1
"""Every workspace begins with an assistant, which counts."""


def limit_assistants(workspace: WorkspaceRef, amount: int | None) -> Limit:
    spec = LimitSpec(Meter.ASSISTANTS, "total", amount)
    source = Limit.Source.PLAN
    return limits.set_limit(workspace_id=workspace.id, spec=spec, source=source, actor=audit.SYSTEM)


def counter(workspace: WorkspaceRef) -> Counter | None:
    return Counter.objects.filter(workspace_id=workspace.id, meter=Meter.ASSISTANTS, window="total").first()


def refuses(work) -> QuotaExceeded:
    with pytest.raises(QuotaExceeded) as refused:
        work()
    return refused.value


def test_refusal_explains_like_every_limit(in_acme, acme, owner):
    limit_assistants(acme, 2)
    factories.make_assistant(owner.member, "Second")
    error = refuses(lambda: factories.make_assistant(owner.member, "Third"))
    assert (error.code, error.status) == ("quota_exceeded", 402)
    assert error.message == (
        "Assistants in total, for this workspace: 2 there, 1 more wanted; the limit is 2. It can be raised by an owner,"
        " by changing the plan."
    )
    (line,) = error.data["limits"]
    assert (line["meter"], line["used"], line["limit"], line["needed"], line["after"]) == (
        "assistants",
        2,
        2,
        1,
        3,
    )
    assert line["resets_at"] is None
    assert Assistant.objects.filter(name="Third").count() == 0
    assert counter(acme).used == 2


def test_without_an_amount_any_number_fits_and_is_counted(in_acme, acme, owner):
    for number in range(3):
        factories.make_assistant(owner.member, f"Helper {number}")
    assert counter(acme).used == PRESENT + 3


def test_override_counts(in_acme, acme, owner):
    from datetime import timedelta

    from django.utils import timezone

    limit = limit_assistants(acme, 1)
    refuses(lambda: factories.make_assistant(owner.member, "Second"))
    until = timezone.now() + timedelta(days=1)
    limits.override(limit=limit, amount=2, reason="For a day", expires_at=until, actor=audit.SYSTEM)
    factories.make_assistant(owner.member, "Second")
    refuses(lambda: factories.make_assistant(owner.member, "Third"))


def test_workspace_without_limits_is_refused(in_acme, acme, owner):
    Limit.objects.filter(workspace_id=acme.id).delete()
    assert refuses(lambda: factories.make_assistant(owner.member)).code == "limits_missing"


def test_count_is_taken_anew_whatever_the_counter_said(in_acme, acme, owner):
    """A workspace that was restored to yesterday."""
    factories.make_assistant(owner.member, "Gone")
    Assistant.objects.filter(name="Gone").delete()
    limit_assistants(acme, 2)
    factories.make_assistant(owner.member, "Second")
    assert counter(acme).used == 2


def test_what_went_gives_its_place_back(in_acme, acme, owner):
    limit_assistants(acme, 2)
    made = factories.make_assistant(owner.member, "Second")
    made.delete()
    gauges.note(acme.id, Meter.ASSISTANTS, present=builder_queries.list_all().count)
    assert counter(acme).used == 1
    factories.make_assistant(owner.member, "Second again")


def test_outside_a_transaction_nothing_is_taken(committed, acme):
    with pytest.raises(RuntimeError, match="a gauge changes in the transaction"):
        gauges.take(acme.id, Meter.ASSISTANTS, present=lambda: 0)


def test_books_agree_with_gauges(in_acme, acme, owner):
    """Nothing of a gauge stands in the ledger, and the check of counters must not call that a difference."""
    factories.make_assistant(owner.member, "Second")
    assert invariants.check(workspace_ids=[acme.id]) == []
    Counter.objects.filter(pk=counter(acme).pk).update(
        opening=0
    )  # the control: as if the ledger had booked it
    assert [row.invariant for row in invariants.check(workspace_ids=[acme.id])] == ["I1"]


# at once


def workspace_of(amount: int):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    limit_assistants(workspace, amount)
    return workspace, factories.member_of(workspace, user)


def make(workspace, member, number: int) -> bool:
    try:
        with workspace_scope(workspace.id):
            factories.make_assistant(member, f"Helper {number}")
    except QuotaExceeded:
        return False
    return True


def test_twenty_at_once_make_exactly_what_the_plan_holds(committed):
    workspace, member = workspace_of(3)
    made = crowd(20, lambda number: make(workspace, member, number))
    assert sum(made) == 3 - PRESENT
    with workspace_scope(workspace.id):
        assert Assistant.objects.count() == 3
    assert counter(workspace).used == 3


def test_without_the_lock_more_are_made(committed, monkeypatch):
    """The control: each counts before the others have written."""
    workspace, member = workspace_of(3)
    everybody = threading.Barrier(8)

    def unlocked(workspace_id, meter):
        everybody.wait(timeout=30)
        return Counter(workspace_id=workspace_id, meter=meter)

    monkeypatch.setattr(gauges, "_locked", unlocked)
    monkeypatch.setattr(gauges, "_write", lambda counter, used: everybody.wait(timeout=30))
    made = crowd(8, lambda number: make(workspace, member, number))
    assert sum(made) == 8
    with enter(workspace):
        assert Assistant.objects.count() == 8 + PRESENT


# what the door is


def test_builder_takes_inside_the_creating_transaction(in_acme, acme, owner, monkeypatch):
    """When the row cannot be written, nothing is counted either."""
    monkeypatch.setattr(builder_services, "_free_slug", lambda name: "steward")  # taken
    with pytest.raises(Exception, match="slug"), transaction.atomic():
        factories.make_assistant(owner.member, "Steward")
    assert counter(acme) is None
    assert features.read_gauges(acme.id) == {}
