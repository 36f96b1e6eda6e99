"""Limits as they are pushed, laid over, and warned about."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants import audit
from tests.factories import at_once, give_limits, hold_of
from tests.usage.runs import counter, finish
from usage.holds.types import Amount, QuotaExceeded
from usage.limits import services, windows
from usage.limits.services import DEFAULT_LIMITS, LimitRefused, LimitSpec
from usage.models import Counter, Limit, LimitOverride, QuotaNotice

ONE_MESSAGE = {"messages": Amount.of(1)}


@pytest.fixture
def workspace(db):
    return uuid4()


def say(workspace, **fields):
    return hold_of(workspace_id=workspace, meters=ONE_MESSAGE, cap=0, **fields)


def fits(workspace, **fields) -> bool:
    """Whether one more message is let through; it is used then."""
    try:
        with transaction.atomic():
            hold = say(workspace, **fields)
    except QuotaExceeded:
        return False
    finish(hold, messages=1)
    return True


def the_limit(workspace) -> Limit:
    return Limit.objects.get(workspace_id=workspace)


def test_pushing_a_plan_replaces_its_limits_and_spares_the_others(workspace):
    give_limits(workspace, ("messages", "day", 5), ("tokens", "month", 9))
    spec = LimitSpec("messages", "week", 3)
    services.set_limit(workspace_id=workspace, spec=spec, source=Limit.Source.STAFF, actor=audit.SYSTEM)
    kept = Limit.objects.get(workspace_id=workspace, window="day").pk
    give_limits(workspace, ("messages", "day", 7), ("images", "month", None))
    found = Limit.objects.filter(workspace_id=workspace).values_list("meter", "window", "amount", "source")
    assert set(found) == {
        ("messages", "day", 7, "plan"), ("images", "month", None, "plan"), ("messages", "week", 3, "staff"),
    }  # fmt: skip
    assert Limit.objects.get(workspace_id=workspace, window="day").pk == kept


def test_money_blocks_at_95_percent_and_everything_else_at_the_limit(workspace):
    services.push_plan(workspace_id=workspace, limits=DEFAULT_LIMITS)
    lines = dict(Limit.objects.filter(workspace_id=workspace).values_list("meter", "block_percent"))
    assert lines == {"messages": 100, "tokens": 100, "cost_micro": 95, "images": 100}


def test_unlimited_counts_nothing_and_refuses_nothing(workspace):
    give_limits(workspace, ("messages", "day", None))
    assert all(fits(workspace) for _ in range(5))
    assert not Counter.objects.filter(workspace_id=workspace).exists()


def test_limit_of_zero_refuses_everything(workspace):
    give_limits(workspace, ("messages", "day", 0))
    assert not fits(workspace)


def test_raised_limit_counts_with_the_next_hold_and_keeps_what_was_used(workspace):
    give_limits(workspace, ("messages", "day", 1))
    assert [fits(workspace), fits(workspace)] == [True, False]
    give_limits(workspace, ("messages", "day", 2))
    assert [fits(workspace), fits(workspace)] == [True, False]
    give_limits(workspace, ("messages", "day", 1))
    assert not fits(workspace)


def test_override_counts_until_it_expires_or_is_lifted(workspace):
    give_limits(workspace, ("messages", "day", 1))
    arguments = {"limit": the_limit(workspace), "reason": "a launch", "actor": audit.SYSTEM}
    soon = timezone.now() + timedelta(hours=1)
    row = services.override(amount=3, expires_at=soon, **arguments)
    assert [fits(workspace) for _ in range(4)] == [True, True, True, False]
    higher = services.override(amount=4, expires_at=soon, **arguments)
    assert [fits(workspace), fits(workspace)] == [True, False], "the later one wins"
    services.lift_override(override_id=higher.pk, actor=audit.SYSTEM)
    services.override(amount=9, expires_at=soon, **arguments)
    LimitOverride.objects.filter(limit=row.limit).update(expires_at=timezone.now())
    assert not fits(workspace), "an expired one counts no more, without any job"


def test_override_of_an_unlimited_limit_limits_it_and_to_less_blocks(workspace):
    give_limits(workspace, ("messages", "day", None))
    services.override(
        limit=the_limit(workspace), amount=0, reason="abuse", actor=audit.SYSTEM,
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    assert not fits(workspace)


@pytest.mark.parametrize(
    "wrong", [{"reason": "  "}, {"amount": -1}, {"expires_at": timezone.now() - timedelta(seconds=1)}]
)
def test_override_needs_reason_amount_and_end(workspace, wrong):
    give_limits(workspace, ("messages", "day", 1))
    fields = {"amount": 3, "reason": "r", "expires_at": timezone.now() + timedelta(hours=1)} | wrong
    with pytest.raises(LimitRefused):
        services.override(limit=the_limit(workspace), actor=audit.SYSTEM, **fields)
    assert not LimitOverride.objects.filter(limit__workspace_id=workspace).exists()


def test_removed_limit_refuses_nothing(workspace):
    give_limits(workspace, ("messages", "day", 0), ("tokens", "day", 10))
    services.remove_limit(
        limit=Limit.objects.get(workspace_id=workspace, meter="messages"), actor=audit.SYSTEM
    )
    assert fits(workspace)


def test_limit_that_comes_in_mid_window_knows_what_was_used_before(workspace):
    person, other = uuid4(), uuid4()
    give_limits(workspace, ("images", "day", 100))
    for ref in (person, person, other):
        finish(say(workspace, person_ref=ref), messages=1)
    spec = LimitSpec("messages", "month", 3, subject_kind="person", subject_id=str(person))
    services.set_limit(workspace_id=workspace, spec=spec, source=Limit.Source.WORKSPACE, actor=audit.SYSTEM)
    assert [fits(workspace, person_ref=person), fits(workspace, person_ref=person)] == [True, False]
    row = counter(workspace, "messages", subject_kind="person")
    assert (row.opening, row.used, row.held) == (2, 3, 0)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"amount": -1}, "limit_not_negative"),
        ({"warn_percent": 0}, "limit_percent_range"),
        ({"block_percent": 101}, "limit_percent_range"),
        ({"subject_kind": "platform"}, "limit_platform_iff_no_workspace"),
        ({"workspace_id": None}, "limit_platform_iff_no_workspace"),
    ],
)
def test_database_refuses_limits_that_cannot_be(workspace, fields, constraint):
    values = {
        "workspace_id": workspace, "subject_kind": "workspace", "meter": "messages", "window": "day", "amount": 1,
        "source": "plan",
    } | fields  # fmt: skip
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Limit.objects.create(**values)


def test_each_line_is_said_once_when_it_is_crossed(workspace):
    give_limits(workspace, ("messages", "day", 10))
    seen = []
    for _ in range(10):
        finish(say(workspace), messages=1)
        rows = QuotaNotice.objects.filter(workspace_id=workspace).order_by("id")
        seen.append(list(rows.values_list("line", "used", "amount")))
    assert seen[6] == []
    assert seen[7] == seen[8] == [("warn", 8, 10)]
    assert seen[9] == [("warn", 8, 10), ("block", 10, 10)]


def test_sixteen_threads_cross_the_lines_and_each_is_said_once(committed):
    workspace = uuid4()
    give_limits(workspace, ("messages", "day", 16), ("messages", "month", 16))
    holds = [say(workspace) for _ in range(16)]
    results = at_once(16, lambda number: finish(holds[number], messages=1))
    assert not [result for result in results if isinstance(result, BaseException)]
    rows = QuotaNotice.objects.filter(workspace_id=workspace).values_list("limit__window", "line", "used")
    assert sorted(rows) == [
        ("day", "block", 16),
        ("day", "warn", 13),
        ("month", "block", 16),
        ("month", "warn", 13),
    ]


def test_next_window_warns_again(workspace):
    give_limits(workspace, ("messages", "day", 1))
    now = timezone.now()
    for day in range(2):
        finish(say_at(workspace, now + timedelta(days=day)), messages=1)
    assert QuotaNotice.objects.filter(workspace_id=workspace, line="block").count() == 2


def say_at(workspace, now):
    from usage.holds import services as holds
    from usage.holds.types import HoldRequest

    return holds.open_hold(
        HoldRequest(
            id=uuid4(), workspace_id=workspace, zone="UTC", person_ref=uuid4(), kind="reply", model="m",
            meters=ONE_MESSAGE,
        ),
        now=now,
    )  # fmt: skip


def test_next_window_begins_at_zero_and_nothing_has_to_run(workspace):
    """No job of the night is called here: the first instant of the next day finds a counter of its own."""
    give_limits(workspace, ("messages", "day", 1))
    now = timezone.now()
    finish(say_at(workspace, now), messages=1)
    tomorrow = windows.resets_at("day", now.date(), zone="UTC")
    with pytest.raises(QuotaExceeded), transaction.atomic():
        say_at(workspace, tomorrow - timedelta(microseconds=1))
    finish(say_at(workspace, tomorrow), messages=1)
    rows = Counter.objects.filter(workspace_id=workspace).order_by("window_start")
    assert [(row.window_start, row.used) for row in rows] == [(now.date(), 1), (tomorrow.date(), 1)]
