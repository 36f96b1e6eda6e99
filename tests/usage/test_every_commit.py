"""What must be true of the books is true at every commit: somebody looks all the time while many work."""

import random
import threading
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from config import ports
from tests.factories import give_limits, hold_of
from tests.usage.crowds import crowd
from tests.usage.runs import decide, finish, give_up
from usage.holds import services
from usage.holds.types import MILLION, Amount, HoldLost, QuotaExceeded
from usage.models import Counter, Hold
from usage.reconciliation import invariants

METERS = {"messages": Amount.of(1), "tokens": Amount(0, MILLION)}
WORKERS, ROUNDS = 8, 12


@pytest.fixture(autouse=True)
def decisions(monkeypatch):
    monkeypatch.setattr(ports.hold_decided, "_answer", decide)


class Observer(threading.Thread):
    """Asks for violations again and again, each question in one snapshot of what is committed."""

    def __init__(self, workspace: UUID) -> None:
        super().__init__()
        self.workspace, self.over = workspace, threading.Event()
        self.looks = 0
        self.found: set[str] = set()

    def run(self) -> None:
        while not self.over.is_set():
            self.found |= {row.invariant for row in invariants.check(workspace_ids=[self.workspace])}
            self.looks += 1
        connection.close()

    def __enter__(self) -> "Observer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()


def work(workspace: UUID, number: int) -> None:
    chance = random.Random(number)
    for _ in range(ROUNDS):
        try:
            hold = hold_of(workspace_id=workspace, meters=METERS, cap=20, min_cap=1)
        except QuotaExceeded:
            continue
        if hold.is_waiting:
            with transaction.atomic():
                services.end_waiting(hold.id, reason="person")
            continue
        if chance.random() < 0.3:
            give_up(hold)
        else:
            finish(hold, messages=1, output_tokens=chance.randrange(21))


def test_counters_are_the_sum_of_the_entries_at_every_commit(committed):
    workspace = uuid4()
    give_limits(workspace, ("messages", "day", 60), ("tokens", "month", 900), ("tokens", "total", None))
    with Observer(workspace) as observer:
        crowd(WORKERS, lambda number: work(workspace, number))
    assert observer.looks > 5
    assert observer.found == set()


def test_books_that_move_in_two_commits_are_seen_between_them(committed):
    """The control: the entry now, its counter a moment later, as an asynchronous projection would."""
    workspace = uuid4()
    give_limits(workspace, ("messages", "day", 60))
    hold = hold_of(workspace_id=workspace, meters={"messages": Amount.of(1)}, cap=0, min_cap=0)
    with Observer(workspace) as observer:
        finish(hold, messages=1)
        seen = observer.looks
        Counter.objects.filter(workspace_id=workspace).update(used=0)
        while observer.looks < seen + 2:
            pass
        Counter.objects.filter(workspace_id=workspace).update(used=1)
    assert observer.found == {"I1"}
    assert invariants.check(workspace_ids=[workspace]) == []


def test_settlement_that_is_rolled_back_moves_nothing(committed):
    workspace = uuid4()
    give_limits(workspace, ("messages", "day", 60))
    hold = hold_of(workspace_id=workspace, meters={"messages": Amount.of(1)}, cap=0, min_cap=0)
    with pytest.raises(HoldLost), transaction.atomic():
        finish(hold, messages=1)
        raise HoldLost
    assert invariants.check(workspace_ids=[workspace]) == []
    assert list(Counter.objects.filter(workspace_id=workspace).values_list("used", "held")) == [(0, 1)]
    assert Hold.objects.get(id=hold.id).state == "held"
    give_up(hold)
