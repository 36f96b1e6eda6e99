"""Stops: each scope refuses new runs, covers running ones, and touches nothing else."""

from uuid import uuid4

import pytest
from django.db import transaction

from config import redis as redis_clients
from tenants.audit import SYSTEM, Actor
from tenants.models import AuditEntry
from tests.factories import open_hold
from usage import stops
from usage.holds import queries, services
from usage.holds.types import RunsStopped
from usage.models import Hold, Stop

WORKSPACE, ASSISTANT = uuid4(), uuid4()
COVERED = {"workspace_id": WORKSPACE, "assistant_id": ASSISTANT, "model": "gpt-4o"}
TARGETS = {"platform": "", "workspace": str(WORKSPACE), "assistant": str(ASSISTANT), "model": "gpt-4o"}
# What differs from COVERED in just the one thing that the stop names.
SPARED = {
    "workspace": {"workspace_id": uuid4()},
    "assistant": {"assistant_id": uuid4()},
    "model": {"model": "gpt-4o-mini"},
}


def stop(scope: str, target: str = "", **fields) -> Stop:
    return stops.set_stop(scope=Stop.Scope(scope), target=target, reason="incident", actor=SYSTEM, **fields)


@pytest.mark.parametrize("scope", list(TARGETS))
def test_stop_refuses_new_runs_in_its_scope(db, scope):
    stop(scope, TARGETS[scope])
    before = Hold.objects.count()
    with pytest.raises(RunsStopped) as raised, transaction.atomic():
        open_hold(**COVERED)
    assert (raised.value.status, raised.value.code) == (503, "stopped")
    assert raised.value.data == {"scope": scope, "reason": "incident"}
    assert Hold.objects.count() == before


@pytest.mark.parametrize("scope", list(SPARED))
def test_stop_lets_everything_else_run(db, scope):
    stop(scope, TARGETS[scope])
    assert Hold.objects.filter(id=open_hold(**COVERED | SPARED[scope])).exists()


def test_stop_of_an_assistant_spares_runs_without_one(db):
    stop("assistant", TARGETS["assistant"])
    assert open_hold(**COVERED | {"assistant_id": None})


@pytest.mark.parametrize("scope", list(TARGETS))
def test_stop_covers_running_holds_of_its_scope_and_no_others(db, scope):
    covered = open_hold(**COVERED)
    spared = open_hold(**COVERED | SPARED[scope]) if scope in SPARED else None
    ids = [hold_id for hold_id in (covered, spared) if hold_id]
    assert queries.list_stop_orders(ids) == []
    stop(scope, TARGETS[scope])
    assert [(order.hold_id, order.reason) for order in queries.list_stop_orders(ids)] == [
        (covered, "emergency_stop")
    ]


def test_persons_wish_comes_before_a_stop(db):
    hold_id = open_hold(**COVERED)
    services.request_stop(hold_id, reason="person")
    stop("platform")
    assert [order.reason for order in queries.list_stop_orders([hold_id])] == ["person"]


def test_resolved_holds_get_no_order(db):
    hold_id = open_hold(**COVERED)
    services.claim(hold_id)
    with transaction.atomic():
        services.release(hold_id, attempt=1, reason="x")
    stop("platform")
    assert queries.list_stop_orders([hold_id]) == []


def test_looking_for_orders_costs_two_queries_and_none_without_holds(db, assert_queries):
    ids = [open_hold(**COVERED) for _ in range(10)]
    with assert_queries(2):
        queries.list_stop_orders(ids)
    with assert_queries(0):
        assert queries.list_stop_orders([]) == []


def test_lifted_stop_lets_runs_begin_again(db):
    made = stop("workspace", TARGETS["workspace"])
    running = open_hold(**COVERED | {"workspace_id": uuid4()})
    stops.lift_stop(stop_id=made.id, actor=SYSTEM)
    assert Hold.objects.filter(id=open_hold(**COVERED)).exists()
    assert queries.list_stop_orders([running]) == []


def test_setting_twice_keeps_the_first_and_one_audit_entry(db):
    first = stop("workspace", TARGETS["workspace"])
    again = stops.set_stop(
        scope=Stop.Scope.WORKSPACE, target=TARGETS["workspace"], reason="other", actor=SYSTEM
    )
    assert (again.id, again.reason) == (first.id, "incident")
    assert [e.action for e in AuditEntry.objects.filter(workspace_id=WORKSPACE)] == ["stop.set"]


def test_setting_and_lifting_say_who(db):
    ref = uuid4()
    actor = Actor(kind="staff", ref=ref)
    made = stops.set_stop(
        scope=Stop.Scope.WORKSPACE, target=TARGETS["workspace"], reason="incident", actor=actor
    )
    stops.lift_stop(stop_id=made.id, actor=actor)
    stops.lift_stop(stop_id=made.id, actor=actor)
    entries = AuditEntry.objects.filter(workspace_id=WORKSPACE).order_by("id")
    assert [(entry.action, entry.actor_ref) for entry in entries] == [("stop.set", ref), ("stop.lifted", ref)]
    assert made.created_by_ref == ref


def test_workers_are_woken_after_the_commit_only(db, monkeypatch, django_capture_on_commit_callbacks):
    # a channel is the whole server's, whatever database number its clients chose
    monkeypatch.setattr(stops, "CHANNEL", f"stops-{uuid4()}")
    subscription = redis_clients.client().pubsub(ignore_subscribe_messages=True)
    subscription.subscribe(stops.CHANNEL)
    subscription.get_message(timeout=2)
    with django_capture_on_commit_callbacks() as callbacks:
        stop("model", "only-here")
    assert subscription.get_message(timeout=0.1) is None
    for callback in callbacks:
        callback()
    assert subscription.get_message(timeout=2)["data"] == b"check"
    subscription.close()


def test_suspending_a_workspace_asks_its_runs_to_end_and_no_others(
    db, acme, globex, django_capture_on_commit_callbacks
):
    from tenants.lifecycle import services as lifecycle

    mine, others = open_hold(workspace_id=acme.id), open_hold(workspace_id=globex.id)
    with django_capture_on_commit_callbacks(execute=True):
        lifecycle.suspend(workspace_id=acme.id, reason="x", actor=SYSTEM)
    assert [(o.hold_id, o.reason) for o in queries.list_stop_orders([mine, others])] == [
        (mine, "workspace_suspended")
    ]
