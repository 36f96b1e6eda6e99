"""Webhooks leave one by one, signed, and each until it is taken."""

import json

import pytest
import stripe

from billing.simulator.core.api import Core
from billing.simulator.delivery import services as deliveries
from billing.simulator.store import MemoryStore
from tests.billing.simulator_pages.receiver import receiving

SECRET = "whsec_of_this_test"
NOW = 1_800_000_000


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def core():
    return Core(MemoryStore())


def make_events(core, count: int) -> list[str]:
    """Their ids, in the order in which they happened."""
    for number in range(count):
        assert core.request("POST", "/v1/customers", {"email": f"{number}@example.test"}, {}).status == 200
    with core.desk() as desk:
        return [event["id"] for event in desk.oldest("event")]


def deliver_all(core, receiver, *, now: int = NOW) -> int:
    """How many attempts were made."""
    attempts = 0
    while deliveries.deliver_next(core.store, url=receiver.url, secret=SECRET, now=now):
        attempts += 1
        assert attempts < 100
    return attempts


def states(core, ids):
    with core.store.transaction() as books:
        return [deliveries.state_of(books, id)["state"] for id in ids]


def test_each_event_is_delivered_once_in_the_order_of_what_happened(core, receiver):
    ids = make_events(core, 3)

    assert deliver_all(core, receiver) == 3

    assert receiver.ids == ids
    assert states(core, ids) == ["done"] * 3
    assert deliver_all(core, receiver, now=NOW + 86_400) == 0


def test_the_sdk_accepts_the_signature_and_no_other(core, receiver):
    make_events(core, 1)
    deliver_all(core, receiver)
    (signature, body), *_ = receiver.requests

    stripe.WebhookSignature.verify_header(body.decode(), signature, SECRET, tolerance=None)
    for wrong_body, wrong_secret in ((body + b" ", SECRET), (body, "whsec_another")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(
                wrong_body.decode(), signature, wrong_secret, tolerance=None
            )
    assert signature.startswith(f"t={NOW},v1=")
    assert json.loads(body)["type"] == "customer.created"


def test_a_refused_event_blocks_no_other_and_comes_again_later(core, receiver):
    first, second, third = make_events(core, 3)
    receiver.refuses[first] = 500

    assert deliver_all(core, receiver) == 3
    assert receiver.ids == [first, second, third]
    assert states(core, [first, second, third]) == ["waiting", "done", "done"]

    assert deliver_all(core, receiver) == 0, "not before its pause is over"
    receiver.refuses.clear()
    assert deliver_all(core, receiver, now=NOW + deliveries.PAUSES_S[0]) == 1
    assert receiver.ids == [first, second, third, first]
    assert states(core, [first]) == ["done"]


def test_pauses_grow_and_the_last_attempt_gives_up(core, receiver):
    (event,) = make_events(core, 1)
    receiver.refuses[event] = 503
    now, waited = NOW, []
    for _ in range(deliveries.MOST_ATTEMPTS - 1):
        assert deliver_all(core, receiver, now=now) == 1
        with core.store.transaction() as books:
            due_at = books.get(deliveries.KIND, event).created
        waited.append(due_at - now)
        now = due_at
    assert tuple(waited[: len(deliveries.PAUSES_S)]) == deliveries.PAUSES_S
    assert set(waited[len(deliveries.PAUSES_S) :]) == {3600}

    assert deliver_all(core, receiver, now=now) == 1
    assert states(core, [event]) == ["failed"]
    assert deliver_all(core, receiver, now=now + 86_400) == 0

    receiver.refuses.clear()
    with core.store.transaction() as books:
        deliveries.hurry(books, now=now)
    assert deliver_all(core, receiver, now=now) == 1
    assert states(core, [event]) == ["done"]


def test_a_redirect_is_not_followed_and_counts_as_refused(core, receiver):
    (event,) = make_events(core, 1)
    receiver.refuses[event] = 302

    deliver_all(core, receiver)

    assert len(receiver.requests) == 1
    assert states(core, [event]) == ["waiting"]


def test_nobody_listening_is_an_attempt_like_any_other(core):
    (event,) = make_events(core, 1)
    url = "http://127.0.0.1:9/webhooks/stripe/"

    assert deliveries.deliver_next(core.store, url=url, secret=SECRET, now=NOW)

    with core.store.transaction() as books:
        assert deliveries.state_of(books, event) == {"state": "waiting", "attempts": 1, "status": 0}


def test_what_a_dead_worker_had_claimed_is_due_again_after_its_lease(core, receiver):
    (event,) = make_events(core, 1)
    with core.store.transaction() as books:
        assert deliveries._claim(books, now=NOW) is not None

    assert deliver_all(core, receiver, now=NOW + deliveries.LEASE_S - 1) == 0
    assert deliver_all(core, receiver, now=NOW + deliveries.LEASE_S) == 1
    assert receiver.ids == [event]


def test_an_answer_that_comes_after_the_lease_changes_nothing(core, receiver):
    (event,) = make_events(core, 1)
    with core.store.transaction() as books:
        slow = deliveries._claim(books, now=NOW)
    deliver_all(core, receiver, now=NOW + deliveries.LEASE_S)

    with core.store.transaction() as books:
        deliveries._settle(books, slow, status=500, now=NOW + deliveries.LEASE_S)

    assert states(core, [event]) == ["done"]


def test_events_are_counted_until_they_are_taken(core, receiver):
    first, second = make_events(core, 2)
    receiver.refuses[second] = 500
    with core.store.transaction() as books:
        assert deliveries.count_waiting(books) == 2
    deliver_all(core, receiver)
    with core.store.transaction() as books:
        assert deliveries.count_waiting(books) == 1
