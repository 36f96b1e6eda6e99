"""A sender that is killed in the middle of a delivery: what it had is sent by the next one, at least once, in order."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tenants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tenants.webhooks import delivery
from tests import factories
from tests.tenants.webhooks.telling import add, tell

pytestmark = pytest.mark.crash


@pytest.fixture
def told(committed, receivers):
    """An endpoint with three messages that nobody sent yet, and its receiver."""
    workspace, receiver = factories.make_workspace(factories.make_user()), receivers()
    endpoint, _ = add(workspace, receiver)
    tell(workspace, 3)
    return endpoint, receiver


def begun(work: Callable[[], object]) -> int:
    """The process id of a sender of its own."""
    connection.close()
    connection.close_pool()
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)  # it should have been killed by now
    return child


def signal_of(child: int) -> int:
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def send_after_the_lease(endpoint: WebhookEndpoint, monkeypatch) -> None:
    """As sweep and worker do, once the killed sender's lease has run out."""
    endpoint.refresh_from_db()
    assert endpoint.lease is not None
    assert delivery.deliver(endpoint.id) == 0, "while it holds, nobody else sends"
    later = endpoint.lease_until + timedelta(seconds=1)
    assert later <= timezone.now() + delivery.LEASE + timedelta(seconds=1)
    woken: list = []
    monkeypatch.setattr(delivery, "wake", woken.append)
    delivery.sweep(now=later)
    assert woken.count(endpoint.id) == 1
    monkeypatch.setattr(delivery.timezone, "now", lambda: later)
    delivery.deliver(endpoint.id)


def ids_of(receiver) -> list[str]:
    return [headers["webhook-id"] for headers, _ in receiver.got]


def states_of(endpoint: WebhookEndpoint) -> list[tuple[str, int]]:
    return list(endpoint.deliveries.order_by("id").values_list("state", "attempts"))


def test_killed_while_the_receiver_answers(told, monkeypatch):
    endpoint, receiver = told
    order = list(endpoint.deliveries.order_by("id").values_list("message_id", flat=True))
    receiver.goes_on.clear()
    child = begun(lambda: delivery.deliver(endpoint.id))
    assert receiver.reached.wait(10)
    os.kill(child, signal.SIGKILL)
    assert signal_of(child) == signal.SIGKILL
    assert states_of(endpoint) == [("pending", 0)] * 3
    receiver.goes_on.set()
    send_after_the_lease(endpoint, monkeypatch)
    assert ids_of(receiver) == [order[0], *order]
    assert states_of(endpoint) == [("succeeded", 1)] * 3


def test_killed_between_the_answer_and_its_note(told, monkeypatch):
    """The receiver has it, and gets it once more under the same id."""
    endpoint, receiver = told
    order = list(endpoint.deliveries.order_by("id").values_list("message_id", flat=True))
    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_keep", die)
        assert signal_of(begun(lambda: delivery.deliver(endpoint.id))) == signal.SIGKILL
    assert ids_of(receiver) == order[:1]
    send_after_the_lease(endpoint, monkeypatch)
    assert ids_of(receiver) == [order[0], *order]
    assert states_of(endpoint) == [("succeeded", 1)] * 3
    assert WebhookAttempt.objects.filter(delivery__endpoint=endpoint).count() == 3


def test_sender_that_noted_first_would_lose_it(told, monkeypatch):
    """The control: a message is never sent that is ended before it is."""
    endpoint, receiver = told
    order = list(endpoint.deliveries.order_by("id").values_list("message_id", flat=True))

    def note_first(claim, row) -> bool:
        WebhookDelivery.objects.filter(id=row.id).update(state="succeeded", finished_at=timezone.now())
        die()
        return True

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "attempt", note_first)
        assert signal_of(begun(lambda: delivery.deliver(endpoint.id))) == signal.SIGKILL
    send_after_the_lease(endpoint, monkeypatch)
    assert ids_of(receiver) == order[1:]
