"""The sweeper's task: every due hold gets its turn, whatever happens to the others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from config import ports
from tests.factories import open_hold
from usage import tasks
from usage.models import Hold


@pytest.fixture
def due(db):
    holds = [open_hold() for _ in range(3)]
    for number, hold_id in enumerate(holds):
        Hold.objects.filter(id=hold_id).update(lease_expires_at=timezone.now() - timedelta(hours=9 - number))
    return holds


def test_broken_hold_does_not_keep_the_others_from_being_swept(due, monkeypatch, caplog):
    asked = []

    def close(*, hold_id, **_):
        if hold_id in due:
            asked.append(hold_id)
        if hold_id == due[0]:
            raise ZeroDivisionError
        return "kept"

    monkeypatch.setattr(ports.close_expired_hold, "_answer", close)
    monkeypatch.setattr(ports.hold_decided, "_answer", lambda **_: None)
    tasks.sweep_leases()
    assert asked == due
    assert [record.message for record in caplog.records].count("a due hold could not be swept") == 1


def test_holds_that_are_not_due_are_left_alone(due, monkeypatch):
    fresh = open_hold()
    asked = []
    monkeypatch.setattr(
        ports.close_expired_hold, "_answer", lambda *, hold_id, **_: asked.append(hold_id) or "kept"
    )
    tasks.sweep_leases()
    assert set(due) <= set(asked)
    assert fresh not in asked


def test_sweep_is_scheduled_with_a_limit_and_an_end():
    from config.celery import app

    entry = app.conf.beat_schedule["sweep-leases"]
    assert (entry["task"], entry["schedule"]) == (tasks.sweep_leases.name, 5)
    assert entry["options"]["expires"] == 10
    assert tasks.sweep_leases.time_limit == 90
