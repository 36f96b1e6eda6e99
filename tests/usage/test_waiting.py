"""Waiting for what others hold: in order, for a bounded time, ended by whatever ends a run."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from assistants.models import Run
from assistants.runs import services as runs
from config import ports
from tenants import audit
from tenants.lifecycle import services as lifecycle
from tenants.scope import workspace_scope
from tests.factories import at_once, give_limits, hold_of, make_user, make_workspace, member_of
from tests.usage.runs import counter, finish, give_up
from usage import stops, tasks
from usage.holds import services
from usage.holds.types import MILLION, Amount, QuotaExceeded
from usage.limits.services import LimitSpec, set_limit
from usage.models import Hold, LedgerEntry, Limit, Stop

MESSAGE = {"messages": Amount.of(1)}


@pytest.fixture
def decided(monkeypatch):
    """What the port `hold_decided` is told, in order; holds without runs just end."""
    told: list[tuple[UUID, str]] = []

    def answer(*, hold_id: UUID, workspace_id: UUID, refusal: str) -> None:
        told.append((hold_id, refusal))
        if refusal:
            with transaction.atomic():
                services.end_waiting(hold_id, reason=refusal)

    monkeypatch.setattr(ports.hold_decided, "_answer", answer)
    return told


@pytest.fixture
def workspace(committed) -> UUID:
    return uuid4()


def say(workspace: UUID, pieces: int = 1, **fields):
    return hold_of(workspace_id=workspace, meters={"messages": Amount.of(pieces)}, cap=0, min_cap=0, **fields)


def state(hold) -> tuple[str, str]:
    return Hold.objects.values_list("state", "release_reason").get(id=hold.id)


def test_settlement_lets_the_first_in_line_in_and_nobody_overtakes(workspace, decided):
    give_limits(workspace, ("messages", "day", 3))
    first, second = say(workspace, 2), say(workspace)
    large, small = say(workspace, 2), say(workspace)
    assert [large.is_waiting, small.is_waiting] == [True, True]
    finish(second)
    assert (state(large)[0], state(small)[0]) == ("waiting", "waiting"), (
        "the small one waits behind the large"
    )
    finish(first)
    assert decided == [(large.id, ""), (small.id, "")]
    assert (state(large)[0], state(small)[0]) == ("held", "held")
    assert counter(workspace, "messages").held == 3


def test_newcomer_waits_behind_those_who_wait_though_it_would_fit(workspace, decided):
    give_limits(workspace, ("messages", "day", 3))
    holder = say(workspace, 2)
    waiting = say(workspace, 2)
    newcomer = say(workspace)
    assert [waiting.is_waiting, newcomer.is_waiting] == [True, True]
    finish(holder)
    assert decided == [(waiting.id, ""), (newcomer.id, "")]


def test_who_needs_other_counters_does_not_wait_behind(workspace, decided):
    give_limits(workspace, ("messages", "day", 1), ("images", "day", 1))
    say(workspace)
    assert say(workspace).is_waiting
    assert not hold_of(workspace_id=workspace, meters={"images": Amount.of(1)}, cap=0, min_cap=0).is_waiting


def test_release_lets_in_too(workspace, decided):
    give_limits(workspace, ("messages", "day", 1))
    holder, waiting = say(workspace), say(workspace)
    give_up(holder)
    assert decided == [(waiting.id, "")]
    assert state(waiting)[0] == "held"


def test_settlement_that_uses_the_limit_up_refuses_those_who_wait(workspace, decided):
    give_limits(workspace, ("messages", "day", 1))
    holder = say(workspace)
    waiting = [say(workspace) for _ in range(45)]
    finish(holder, messages=1)
    assert sorted(decided) == sorted((hold.id, "quota_exceeded") for hold in waiting), (
        "all at once, not by and by"
    )
    assert {state(hold) for hold in waiting} == {("released", "quota_exceeded")}
    assert counter(workspace, "messages").held == 0


def test_refused_waiter_whose_run_could_not_be_closed_is_closed_by_the_sweeper(
    workspace, decided, monkeypatch
):
    give_limits(workspace, ("messages", "day", 1))
    holder, waiting = say(workspace), say(workspace)
    with monkeypatch.context() as patch:
        patch.setattr(ports.hold_decided, "_answer", lambda **_: 1 / 0)
        finish(holder, messages=1)
    assert state(waiting) == ("waiting", "quota_exceeded")
    with pytest.raises(QuotaExceeded):
        say(workspace)
    tasks.sweep_leases()
    assert (waiting.id, "quota_exceeded") in decided
    assert state(waiting) == ("released", "quota_exceeded")


def test_waiter_is_let_in_with_a_smaller_cap_when_nothing_is_held_any_more(workspace, decided):
    give_limits(workspace, ("output_tokens", "day", 100))
    meters = {"output_tokens": Amount(0, MILLION)}
    holder = hold_of(workspace_id=workspace, meters=meters, cap=60, min_cap=10)
    waiting = hold_of(workspace_id=workspace, meters=meters, cap=60, min_cap=10)
    assert waiting.is_waiting
    finish(holder, output_tokens=55)
    claim = services.claim(waiting.id)
    assert (claim.covered, claim.wanted) == (45, 45), "a shrunk one may not extend to what it asked for"


def test_raised_limit_lets_in_at_once(workspace, decided):
    give_limits(workspace, ("messages", "day", 1))
    say(workspace)
    waiting = [say(workspace) for _ in range(3)]
    give_limits(workspace, ("messages", "day", 3))
    assert decided == [(waiting[0].id, ""), (waiting[1].id, "")]
    assert [state(hold)[0] for hold in waiting] == ["held", "held", "waiting"]
    give_limits(workspace, ("messages", "day", None))
    assert state(waiting[2])[0] == "held"


def test_lowered_limit_counts_for_those_who_wait(workspace, decided):
    give_limits(workspace, ("messages", "day", 2))
    holder = say(workspace, 2)
    waiting = say(workspace, 2)
    give_limits(workspace, ("messages", "day", 1))
    assert decided == [(waiting.id, "quota_exceeded")], "two never fit into one"
    finish(holder)


def test_deadline_is_busy_and_not_exceeded(workspace, decided):
    give_limits(workspace, ("messages", "day", 2))
    say(workspace)
    waiting, behind = say(workspace, 2), say(workspace)
    left = Hold.objects.get(id=waiting.id).lease_expires_at - timezone.now()
    assert timedelta(seconds=55) < left <= timedelta(seconds=services.WAIT_S)
    tasks.sweep_leases()
    assert state(waiting)[0] == "waiting"
    Hold.objects.filter(id=waiting.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    tasks.sweep_leases()
    assert state(waiting) == ("released", "quota_busy")
    assert state(behind)[0] == "held", "who waited behind goes at once"
    assert (waiting.id, "quota_busy") in decided
    assert not LedgerEntry.objects.filter(hold_id=waiting.id).exists()


def test_waiting_holds_nothing_and_can_not_be_claimed(workspace, decided):
    give_limits(workspace, ("messages", "day", 1))
    say(workspace)
    waiting = say(workspace)
    assert services.claim(waiting.id) is None
    assert counter(workspace, "messages").held == 1


def test_sixteen_settle_at_once_and_sixteen_who_wait_are_each_let_in_once(workspace, decided):
    give_limits(workspace, ("messages", "day", 16))
    holders = [say(workspace) for _ in range(16)]
    waiting = [say(workspace) for _ in range(16)]
    assert all(hold.is_waiting for hold in waiting)
    results = at_once(16, lambda number: finish(holders[number]))
    assert not [result for result in results if isinstance(result, BaseException)]
    services.let_in_waiting(workspace)
    assert sorted(decided) == sorted((hold.id, "") for hold in waiting)
    assert counter(workspace, "messages").held == 16


def test_one_persons_limit_keeps_only_that_person_waiting(workspace, decided):
    busy = uuid4()
    give_limits(workspace, ("messages", "day", 100))
    spec = LimitSpec("messages", "day", 1, subject_kind="person", subject_id=str(busy))
    set_limit(workspace_id=workspace, spec=spec, source=Limit.Source.WORKSPACE, actor=audit.SYSTEM)
    holder = say(workspace, person_ref=busy)
    assert say(workspace, person_ref=busy).is_waiting
    finish(holder)


# With real runs, in a workspace of their own


@pytest.fixture
def team(committed):
    owner = make_user(f"waiting-{uuid4().hex[:8]}@example.test")
    workspace = make_workspace(owner, f"waiting-{uuid4().hex[:8]}")
    give_limits(workspace.id, ("messages", "day", 1))
    return workspace, member_of(workspace, owner)


def start(team) -> Run:
    workspace, member = team
    new = runs.NewRun(
        kind=Run.Kind.REPLY, model="gpt-4o-mini", prompt=[{"role": "user", "content": "Hello"}], max_output_tokens=100
    )  # fmt: skip
    with workspace_scope(workspace.id), transaction.atomic():
        return runs.start_run(member=member, new=new)


def found(team, run: Run) -> tuple[str, str]:
    with workspace_scope(team[0].id, allow_suspended=True):
        return Run.objects.values_list("state", "error_code").get(id=run.id)


@pytest.fixture
def waiting(team) -> Run:
    start(team)
    run = start(team)
    assert state(run)[0] == "waiting"
    assert found(team, run) == ("queued", "")
    return run


def test_stopping_a_waiting_run_ends_it_at_once(team, waiting):
    with workspace_scope(team[0].id):
        runs.stop_run(workspace_id=team[0].id, run=Run.objects.get(id=waiting.id))
    assert found(team, waiting) == ("stopped", "")
    assert state(waiting) == ("released", "person")


def test_deadline_of_a_waiting_run_is_told_as_busy(team, waiting):
    Hold.objects.filter(id=waiting.id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    tasks.sweep_leases()
    assert found(team, waiting) == ("failed", "quota_busy")
    assert state(waiting) == ("released", "quota_busy")


def test_suspending_the_workspace_ends_who_waits(team, waiting):
    lifecycle.suspend(workspace_id=team[0].id, reason="test", actor=audit.SYSTEM)
    tasks.sweep_leases()
    assert found(team, waiting) == ("failed", "workspace_suspended")
    assert state(waiting) == ("released", "workspace_suspended")


def test_emergency_stop_ends_who_waits(team, waiting):
    stop = stops.set_stop(
        scope=Stop.Scope.WORKSPACE, target=str(team[0].id), reason="test", actor=audit.SYSTEM
    )
    tasks.sweep_leases()
    stops.lift_stop(stop_id=stop.pk, actor=audit.SYSTEM)
    assert found(team, waiting) == ("failed", "emergency_stop")
    assert state(waiting) == ("released", "emergency_stop")


def test_settlement_that_uses_the_limit_up_closes_the_waiting_run(team, waiting):
    holder = Hold.objects.get(workspace_id=team[0].id, state="held")
    finish(holder.id, messages=1)
    assert found(team, waiting) == ("failed", "quota_exceeded")
    assert state(waiting) == ("released", "quota_exceeded")
