"""Real threads at one hold: whatever comes at once, one wins and one is charged."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tests.factories import at_once, open_hold
from usage.holds import services
from usage.holds.types import Actual, Claim, HoldLost, Settlement
from usage.models import Hold, LedgerEntry

ACTUAL = Actual(provider="openai", model="gpt-4o-mini", input_tokens=10, output_tokens=10)


def settle(hold_id: UUID, attempt: int) -> Settlement:
    with transaction.atomic():
        return services.settle(hold_id, attempt=attempt, actual=ACTUAL)


def release(hold_id: UUID, attempt: int) -> str:
    with transaction.atomic():
        services.release(hold_id, attempt=attempt, reason="race")
    return "released"


def count(results: list, kind: type) -> int:
    return sum(isinstance(result, kind) for result in results)


def test_sixteen_threads_claim_one_hold_and_one_gets_it(committed):
    hold_id = open_hold()
    results = at_once(16, lambda _: services.claim(hold_id))
    assert (count(results, Claim), results.count(None)) == (1, 15), results
    assert Hold.objects.get(id=hold_id).attempt == 1


def test_sixteen_threads_claim_an_expired_lease_and_one_gets_it(committed):
    hold_id = open_hold()
    services.claim(hold_id)
    Hold.objects.filter(id=hold_id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    results = at_once(16, lambda _: services.claim(hold_id))
    assert (count(results, Claim), results.count(None)) == (1, 15), results
    assert Hold.objects.get(id=hold_id).attempt == 2


def test_claim_by_read_and_write_would_be_won_by_many(committed):
    """The control: the same race catches a claim that looks first and writes afterwards."""
    import threading

    hold_id = open_hold()
    looked = threading.Barrier(8)

    def careless(_: int) -> bool:
        is_free = not Hold.objects.get(id=hold_id).is_claimed
        looked.wait(timeout=30)
        if is_free:
            Hold.objects.filter(id=hold_id).update(is_claimed=True)
        return is_free

    assert at_once(8, careless).count(True) > 1


def test_eight_threads_settle_one_attempt_and_one_is_charged(committed):
    hold_id = open_hold()
    services.claim(hold_id)
    results = at_once(8, lambda _: settle(hold_id, 1))
    assert (count(results, Settlement), count(results, HoldLost)) == (1, 7), results
    assert LedgerEntry.objects.filter(hold_id=hold_id).count() == 1


def test_settling_and_releasing_at_once_ends_in_exactly_one_of_both(committed):
    for _ in range(5):
        hold_id = open_hold()
        services.claim(hold_id)
        results = at_once(8, lambda n, h=hold_id: settle(h, 1) if n % 2 else release(h, 1))
        assert count(results, HoldLost) == 7, results
        was_settled = count(results, Settlement) == 1
        hold = Hold.objects.get(id=hold_id)
        assert hold.state == ("settled" if was_settled else "released")
        assert LedgerEntry.objects.filter(hold_id=hold_id).count() == int(was_settled)


def test_lost_worker_and_its_successor_settle_at_once_and_the_successor_wins(committed):
    hold_id = open_hold()
    services.claim(hold_id)
    Hold.objects.filter(id=hold_id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    services.claim(hold_id)
    results = at_once(8, lambda n: settle(hold_id, 1 + n % 2))
    assert [type(result) for result in results[::2]] == [HoldLost] * 4
    assert count(results[1::2], Settlement) == 1
    assert LedgerEntry.objects.filter(hold_id=hold_id).count() == 1


def test_eight_threads_open_one_id_and_make_one_hold(committed):
    hold_id = open_hold()
    results = at_once(8, lambda _: open_hold(id=hold_id, model="gpt-4o"))
    assert results == [hold_id] * 8
    assert Hold.objects.filter(id=hold_id).count() == 1
    assert Hold.objects.get(id=hold_id).model == "gpt-4o-mini"


def test_renewal_and_claim_at_once_never_leave_two_owners(committed):
    """At the moment a lease ends, either its owner keeps it or another takes it, never both."""
    for _ in range(10):
        hold_id = open_hold()
        services.claim(hold_id, lease_s=0)
        results = at_once(4, lambda n, h=hold_id: services.renew([(h, 1)]) if n % 2 else services.claim(h))
        claimed = count(results, Claim)
        hold = Hold.objects.get(id=hold_id)
        assert claimed <= 1
        assert hold.attempt == 1 + claimed
        assert services.renew([(hold_id, 1)]) == (set() if claimed else {hold_id})
