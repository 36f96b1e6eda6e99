"""A hold from opening to its one end. The clock of leases is the database's."""

import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

import usage
from tests.factories import open_hold
from usage.holds import queries, services
from usage.holds.types import Actual, HoldLost, HoldRequest
from usage.models import Hold, LedgerEntry

ACTUAL = Actual(
    provider="openai", model="gpt-4o-mini", input_tokens=1000, output_tokens=200, cached_tokens=400
)


@pytest.fixture
def hold(db) -> UUID:
    return open_hold()


def row(hold_id: UUID) -> Hold:
    return Hold.objects.get(id=hold_id)


def expire(hold_id: UUID) -> None:
    Hold.objects.filter(id=hold_id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def entries(hold_id: UUID) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(hold_id=hold_id))


def settle(hold_id: UUID, attempt: int, actual: Actual = ACTUAL):
    with transaction.atomic():
        return services.settle(hold_id, attempt=attempt, actual=actual)


def test_open_hold_is_held_unclaimed_and_wakes_the_sweeper_in_ten_seconds(hold):
    opened = row(hold)
    assert (opened.state, opened.attempt, opened.is_claimed) == ("held", 0, False)
    assert timedelta(seconds=8) < opened.lease_expires_at - timezone.now() <= timedelta(seconds=10)


def test_opening_again_under_the_same_id_changes_nothing(hold):
    first = Hold.objects.filter(id=hold).values().get()
    services.claim(hold)
    claimed = Hold.objects.filter(id=hold).values().get()
    open_hold(id=hold, model="gpt-4o", cap=9)
    assert Hold.objects.filter(id=hold).values().get() == claimed
    assert claimed["model"] == first["model"]


def test_opening_needs_the_transaction_of_the_run(committed):
    hold_id = uuid4()
    request = HoldRequest(
        id=hold_id, workspace_id=uuid4(), zone="UTC", person_ref=uuid4(), kind="reply", model="m", meters={}
    )
    with pytest.raises(RuntimeError, match="transaction"):
        services.open_hold(request)
    assert not Hold.objects.filter(id=hold_id).exists()


def test_claim_gives_the_first_attempt_and_what_the_run_may_write(hold):
    claim = services.claim(hold)
    assert (claim.attempt, claim.model, claim.stop_reason) == (1, "gpt-4o-mini", "")
    assert (claim.covered, claim.wanted) == (200, 200)
    lease = row(hold).lease_expires_at - timezone.now()
    assert timedelta(seconds=13) < lease <= timedelta(seconds=15)


def test_claim_is_refused_while_the_lease_lives_and_allowed_after(hold):
    assert services.claim(hold).attempt == 1
    assert services.claim(hold) is None
    assert row(hold).attempt == 1
    expire(hold)
    assert services.claim(hold).attempt == 2


def test_claim_of_an_unknown_or_resolved_hold_is_none(hold):
    assert services.claim(uuid4()) is None
    services.claim(hold)
    settle(hold, 1)
    expire(hold)
    assert services.claim(hold) is None
    assert row(hold).attempt == 1


def test_renew_extends_only_ones_own_attempts(hold):
    other, lost, ended = open_hold(), open_hold(), open_hold()
    for hold_id in (hold, other, lost, ended):
        services.claim(hold_id)
    expire(lost)
    services.claim(lost)
    settle(ended, 1)
    Hold.objects.filter(id__in=[hold, other, lost]).update(lease_expires_at=timezone.now())
    assert services.renew([(hold, 1), (lost, 1), (ended, 1), (uuid4(), 1)]) == {hold}
    assert row(hold).lease_expires_at > timezone.now() + timedelta(seconds=13)
    assert row(other).lease_expires_at <= timezone.now()
    assert row(lost).lease_expires_at <= timezone.now()


def test_renew_of_nothing_asks_nothing(db, assert_queries):
    with assert_queries(0):
        assert services.renew([]) == set()


def test_renew_of_many_is_one_statement(db, assert_queries):
    holds = [open_hold() for _ in range(20)]
    claims = [(hold_id, services.claim(hold_id).attempt) for hold_id in holds]
    with assert_queries(1):
        assert services.renew(claims) == set(holds)


def test_given_back_hold_may_be_claimed_at_once_by_another(hold):
    services.claim(hold)
    assert services.give_back(hold, attempt=1)
    assert services.claim(hold).attempt == 2
    assert not services.give_back(hold, attempt=1), "the first attempt owns nothing any more"
    assert row(hold).is_claimed


def test_wake_up_is_postponed_until_it_waited_twice_as_long_within_bounds(hold):
    for waited, expected in ((0, 10), (3, 10), (20, 20), (500, 120)):
        services.postpone_wake(hold, attempt=0, waited_s=waited)
        left = (row(hold).lease_expires_at - timezone.now()).total_seconds()
        assert expected - 2 < left <= expected


def test_wake_up_of_a_claimed_hold_is_left_alone(hold):
    services.claim(hold)
    before = row(hold).lease_expires_at
    services.postpone_wake(hold, attempt=1, waited_s=100)
    services.postpone_wake(hold, attempt=0, waited_s=100)
    assert row(hold).lease_expires_at == before


def test_settling_writes_one_entry_with_what_was_used(hold):
    services.claim(hold)
    settlement = settle(hold, 1)
    settled = row(hold)
    assert (settled.state, settled.resolved_at is not None) == ("settled", True)
    (entry,) = entries(hold)
    assert (entry.kind, entry.account, entry.run_kind) == ("settlement", "workspace", "reply")
    assert (entry.workspace_id, entry.person_ref) == (settled.workspace_id, settled.person_ref)
    assert (entry.input_tokens, entry.cached_tokens, entry.output_tokens, entry.messages) == (
        1000,
        400,
        200,
        1,
    )
    assert entry.cost_micro == settlement.cost_micro == 240
    assert entry.is_estimated is False


def test_settling_twice_raises_and_writes_nothing_more(hold):
    services.claim(hold)
    settle(hold, 1)
    with pytest.raises(HoldLost):
        settle(hold, 1)
    assert len(entries(hold)) == 1


def test_old_attempt_cannot_settle_or_release(hold):
    services.claim(hold)
    expire(hold)
    services.claim(hold)
    for end in (
        lambda: services.settle(hold, attempt=1, actual=ACTUAL),
        lambda: services.release(hold, attempt=1, reason="late"),
    ):
        with pytest.raises(HoldLost), transaction.atomic():
            end()
    assert (row(hold).state, entries(hold)) == ("held", [])
    settle(hold, 2)
    assert (row(hold).state, len(entries(hold))) == ("settled", 1)


def test_released_hold_is_charged_nothing_and_cannot_be_settled(hold):
    services.claim(hold)
    with transaction.atomic():
        services.release(hold, attempt=1, reason="provider_busy")
    released = row(hold)
    assert (released.state, released.release_reason) == ("released", "provider_busy")
    with pytest.raises(HoldLost):
        settle(hold, 1)
    assert entries(hold) == []


def test_settling_is_undone_with_the_transaction_of_the_run(hold):
    services.claim(hold)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        services.settle(hold, attempt=1, actual=ACTUAL)
        raise ZeroDivisionError
    assert (row(hold).state, entries(hold)) == ("held", [])
    assert settle(hold, 1).cost_micro == 240


@pytest.mark.parametrize("end", ["settle", "release"])
def test_resolving_needs_the_transaction_of_the_runs_end(committed, end):
    hold_id = open_hold()
    services.claim(hold_id)
    with pytest.raises(RuntimeError, match="transaction"):
        if end == "settle":
            services.settle(hold_id, attempt=1, actual=ACTUAL)
        else:
            services.release(hold_id, attempt=1, reason="x")
    assert (row(hold_id).state, entries(hold_id)) == ("held", [])


def test_ledger_itself_refuses_a_second_settlement_of_a_hold(hold):
    services.claim(hold)
    settle(hold, 1)
    (entry,) = entries(hold)
    entry.pk = None
    with pytest.raises(IntegrityError, match="ledger_one_settlement"), transaction.atomic():
        entry.save(force_insert=True)
    assert len(entries(hold)) == 1
    LedgerEntry.objects.create(
        hold_id=hold, workspace_id=entry.workspace_id, person_ref=entry.person_ref, kind="settlement",
        account="platform", run_kind="reply", provider="openai", model="gpt-4o-mini", cost_micro=7,
    )  # fmt: skip
    assert len(entries(hold)) == 2


def test_stop_request_is_noted_once_and_comes_with_the_claim(hold):
    assert services.request_stop(hold, reason="person")
    assert services.request_stop(hold, reason="access_ended")
    assert services.claim(hold).stop_reason == "person"
    settle(hold, 1)
    assert not services.request_stop(hold, reason="person")


def test_due_holds_are_those_past_their_lease_oldest_first(db):
    fresh, first, second, ended = (open_hold() for _ in range(4))
    now = timezone.now()
    for hold_id, ago in ((first, 20), (second, 10), (ended, 30)):
        Hold.objects.filter(id=hold_id).update(lease_expires_at=now - timedelta(seconds=ago))
    services.claim(ended)
    settle(ended, 1)
    mine = {fresh, first, second, ended}
    due = [hold for hold in queries.list_due(limit=10_000) if hold.hold_id in mine]
    assert [hold.hold_id for hold in due] == [first, second]
    assert [(hold.attempt, hold.state) for hold in due] == [(0, "held"), (0, "held")]


def test_ended_holds_are_told_apart_from_running_ones(hold):
    ended = open_hold()
    services.claim(ended)
    settle(ended, 1)
    assert queries.list_ended([hold, ended, uuid4()]) == {ended}


def test_held_of_a_workspace_or_of_one_person_in_it(db):
    workspace, person = uuid4(), uuid4()
    mine = open_hold(workspace_id=workspace, person_ref=person)
    colleagues = open_hold(workspace_id=workspace)
    elsewhere = open_hold(person_ref=person)
    assert set(queries.list_held(workspace_id=workspace)) == {mine, colleagues}
    assert queries.list_held(workspace_id=workspace, person_ref=person) == [mine]
    assert elsewhere not in queries.list_held(workspace_id=workspace)


def test_leases_never_touch_an_index(hold):
    """Renewals stay on their page (HOT): the lease is indexed only partially, and the page has room."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'usage_hold'")
        assert cursor.fetchone()[0] == ["fillfactor=50"]


def test_what_services_call_has_one_search_path_whoever_calls(db):
    """Otherwise its statements are planned anew with every other workspace."""
    called = {
        name
        for path in Path(usage.__file__).parent.rglob("*.py")
        for name in re.findall(r"SELECT (usage_\w+)\(", path.read_text())
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT proname FROM pg_proc WHERE proconfig = '{search_path=public}'")
        assert called == {name for (name,) in cursor.fetchall() if name.startswith("usage_")}
    assert len(called) > 5
