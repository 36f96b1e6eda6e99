"""A month begins at midnight of the workspace's own zone."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.usage.test_ledger import make_entry
from usage.queries import Totals, month_totals

WORKSPACE = uuid4()


@pytest.fixture
def entry_at(db, monkeypatch):
    def make(moment: str, **fields):
        with monkeypatch.context() as patch:
            patch.setattr("django.utils.timezone.now", lambda: datetime.fromisoformat(moment))
            return make_entry(**{"workspace_id": WORKSPACE, "messages": 1} | fields)

    return make


def totals(zone: str, now: str) -> Totals:
    return month_totals(workspace_id=WORKSPACE, zone=zone, now=datetime.fromisoformat(now))


def test_sums_what_the_workspace_used(entry_at):
    entry_at("2026-03-02T00:00:00+00:00", input_tokens=10, cached_tokens=4, output_tokens=5, cost_micro=7)
    entry_at("2026-03-03T00:00:00+00:00", input_tokens=1, output_tokens=2, reasoning_tokens=2, cost_micro=3)
    assert totals("UTC", "2026-03-04T00:00:00+00:00") == Totals(messages=2, tokens=18, cost_micro=10)


def test_nothing_used_is_zero(db):
    assert totals("UTC", "2026-03-04T00:00:00+00:00") == Totals(0, 0, 0)


def test_other_workspaces_and_the_platforms_own_losses_are_not_counted(entry_at):
    entry_at("2026-03-02T00:00:00+00:00", workspace_id=uuid4())
    entry_at("2026-03-02T00:00:00+00:00", account="platform", kind="adjustment")
    entry_at("2026-03-02T00:00:00+00:00")
    assert totals("UTC", "2026-03-04T00:00:00+00:00").messages == 1


@pytest.mark.parametrize(
    ("zone", "last_of_february", "first_of_march"),
    [
        ("UTC", "2026-02-28T23:59:59.999999+00:00", "2026-03-01T00:00:00+00:00"),
        ("Europe/Berlin", "2026-02-28T22:59:59.999999+00:00", "2026-02-28T23:00:00+00:00"),
        ("Pacific/Auckland", "2026-02-28T10:59:59.999999+00:00", "2026-02-28T11:00:00+00:00"),
        ("America/Los_Angeles", "2026-03-01T07:59:59.999999+00:00", "2026-03-01T08:00:00+00:00"),
        ("Asia/Kathmandu", "2026-02-28T18:14:59.999999+00:00", "2026-02-28T18:15:00+00:00"),
    ],
)
def test_month_begins_at_local_midnight(entry_at, zone, last_of_february, first_of_march):
    entry_at(last_of_february, cost_micro=1)
    assert totals(zone, "2026-03-15T12:00:00+00:00").cost_micro == 0
    entry_at(first_of_march, cost_micro=2)
    assert totals(zone, "2026-03-15T12:00:00+00:00").cost_micro == 2
    assert totals(zone, last_of_february).cost_micro == 3, "in February both lie behind its first"


def test_first_moment_of_a_month_sees_only_itself(entry_at):
    entry_at("2026-02-28T22:30:00+00:00")
    now = datetime(2026, 2, 28, 23, 0, tzinfo=UTC).isoformat()
    assert totals("Europe/Berlin", now).messages == 0
    assert totals("UTC", now).messages == 1


def test_summer_time_moves_the_border_by_an_hour(entry_at):
    """Berlin is at +2 from 29 March 2026 on: April begins at 22:00 UTC."""
    entry_at("2026-03-31T21:59:59+00:00")
    assert totals("Europe/Berlin", "2026-04-10T00:00:00+00:00").messages == 0
    entry_at("2026-03-31T22:00:00+00:00")
    assert totals("Europe/Berlin", "2026-04-10T00:00:00+00:00").messages == 1


def test_month_totals_is_one_query(db, assert_queries):
    with assert_queries(1):
        totals("UTC", "2026-03-04T00:00:00+00:00")
