"""The worker is told of events at once, and a broker that is away is no trouble to who left them."""

import pytest
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError as BrokerError

from billing.simulator.core import Core
from billing.simulator.delivery import waking
from billing.simulator.store import MemoryStore


@pytest.fixture
def sent(monkeypatch):
    sent = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **options: sent.append((name, options["queue"]))
    )
    return sent


def test_a_request_that_leaves_events_wakes_the_worker_and_another_does_not(sent, committed):
    core = Core(MemoryStore(), on_events=waking.wake)

    made = core.request("POST", "/v1/customers", {"email": "a@x.test"}, {})
    assert sent == [("billing.simulator.tasks.deliver_events", "billing")]

    core.request("GET", f"/v1/customers/{made.body['id']}", {}, {})
    core.request("POST", "/v1/customers", {"unknown": "1"}, {})
    assert len(sent) == 1


def test_events_stand_in_the_books_when_the_worker_is_woken(committed):
    seen = []
    core = Core(MemoryStore(), on_events=lambda: seen.append(events_in(core)))

    core.request("POST", "/v1/customers", {"email": "a@x.test"}, {})

    assert seen == [["customer.created"]]


def events_in(core: Core) -> list[str]:
    with core.store.transaction() as books:
        return [row.data["type"] for row in books.find("event")]


def test_inside_a_transaction_the_worker_is_woken_after_its_commit(sent, committed):
    core = Core(MemoryStore(), on_events=waking.wake)
    with transaction.atomic():
        core.request("POST", "/v1/customers", {"email": "a@x.test"}, {})
        assert sent == []
    assert len(sent) == 1


def test_a_broker_that_is_away_does_not_fail_the_request(monkeypatch, committed):
    def refuse(*_, **__):
        raise BrokerError("away")

    monkeypatch.setattr(current_app, "send_task", refuse)
    core = Core(MemoryStore(), on_events=waking.wake)

    assert core.request("POST", "/v1/customers", {"email": "a@x.test"}, {}).status == 200
