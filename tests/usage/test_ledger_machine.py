"""Random operations on holds against a small reference: after each step the books say what the reference says."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from config import ports
from tenants import audit
from tests.factories import give_limits, hold_of
from tests.usage.runs import decide
from usage import prices
from usage.holds import services
from usage.holds.types import MILLION, Actual, Amount, HoldLost, QuotaExceeded
from usage.models import Counter, Hold, LedgerEntry, Price
from usage.reconciliation import invariants
from usage.rerating import services as rerating

PEOPLE = [uuid4() for _ in range(2)]


@dataclass
class Reference:
    """What is right, said in the plainest way: one limit of written tokens, one of money, a line of people waiting."""

    tokens: int = 0
    money: int = 0
    rate: int = 1
    used: int = 0
    cost: int = 0
    held: dict[UUID, int] = field(default_factory=dict)
    waiting: list[tuple[UUID, int, int]] = field(default_factory=list)
    spent: list[int] = field(default_factory=list)

    def room(self, *, alone: bool) -> int:
        """The largest cap that fits, now or with nothing held by others. Money is held at two units a token."""
        busy = 0 if alone else sum(self.held.values())
        return min(self.tokens - self.used - busy, (self.money - self.cost) // 2 - busy)

    def decide(self, cap: int, least: int, *, is_queued: bool) -> tuple[str, int]:
        if self.room(alone=False) >= cap and not is_queued:
            return "held", cap
        if self.room(alone=True) < least:
            return "refused", 0
        if self.held or is_queued:
            return "waiting", 0
        return "held", min(cap, self.room(alone=True))

    def open(self, hold_id: UUID, cap: int, least: int) -> tuple[str, int]:
        decision, granted = self.decide(cap, least, is_queued=bool(self.waiting))
        if decision == "held":
            self.held[hold_id] = granted
        elif decision == "waiting":
            self.waiting.append((hold_id, cap, least))
        return decision, granted

    def end(self, hold_id: UUID, tokens: int) -> None:
        tokens = min(tokens, self.held.pop(hold_id))
        if tokens:
            self.spent.append(tokens)
        self.used += tokens
        self.cost += tokens * self.rate
        self.let_in()

    def let_in(self) -> None:
        line, self.waiting = self.waiting, []
        for hold_id, cap, least in line:
            self.open(hold_id, cap, least)

    def rerate(self, rate: int) -> None:
        self.rate, self.cost = rate, sum(self.spent) * rate
        self.let_in()


class Ledger(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.workspace, self.model = uuid4(), f"machine-{uuid4().hex[:8]}"
        self.right = Reference()
        self.ended: list[UUID] = []
        self.price(1)
        self.limit(100, 150)

    def price(self, rate: int) -> None:
        Price.objects.create(
            provider="openai", model=self.model, meter="output_tokens", micro_per_million=rate * MILLION,
            effective_at=timezone.now() - timedelta(days=1), source="test",
        )  # fmt: skip
        prices.forget()

    @rule(tokens=st.integers(0, 150), money=st.integers(0, 250))
    def limit(self, tokens: int, money: int) -> None:
        self.right.tokens, self.right.money = tokens, money
        give_limits(self.workspace, ("output_tokens", "total", tokens), ("cost_micro", "total", money))
        self.right.let_in()

    @rule(cap=st.integers(1, 60), least=st.integers(1, 20), person=st.sampled_from(PEOPLE))
    def hold(self, cap: int, least: int, person: UUID) -> None:
        hold_id, least = uuid4(), min(cap, least)
        meters = {"output_tokens": Amount(0, MILLION), "cost_micro": Amount(0, 2 * MILLION)}
        expected = self.right.open(hold_id, cap, least)
        for _ in range(2):
            try:
                hold = hold_of(
                    id=hold_id, workspace_id=self.workspace, meters=meters, cap=cap, min_cap=least, person_ref=person,
                    model=self.model,
                )  # fmt: skip
                found = ("waiting" if hold.is_waiting else "held", hold.cap)
            except QuotaExceeded:
                found = ("refused", 0)
            assert found == expected, "and the same when it is asked again"

    def pick(self, number: int) -> UUID | None:
        # In the order in which they were let in: ids are random, and Hypothesis has to meet the same hold again.
        held = list(self.right.held)
        return held[number % len(held)] if held else None

    @rule(number=st.integers(0, 9), tokens=st.integers(0, 80))
    def settle(self, number: int, tokens: int) -> None:
        if (hold_id := self.pick(number)) is None:
            return
        attempt = services.claim(hold_id).attempt
        actual = Actual(provider="openai", model=self.model, messages=0, output_tokens=tokens)
        with transaction.atomic():
            services.settle(hold_id, attempt=attempt, actual=actual)
        with pytest.raises(HoldLost), transaction.atomic():
            services.settle(hold_id, attempt=attempt, actual=actual)
        self.right.end(hold_id, tokens)
        self.ended.append(hold_id)

    @rule(number=st.integers(0, 9), is_expired=st.booleans())
    def release(self, number: int, is_expired: bool) -> None:
        if (hold_id := self.pick(number)) is None:
            return
        attempt = services.claim(hold_id).attempt
        if is_expired:
            Hold.objects.filter(id=hold_id).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
            attempt = services.claim(hold_id).attempt
            with pytest.raises(HoldLost), transaction.atomic():
                services.release(hold_id, attempt=attempt - 1, reason="lost")
        with transaction.atomic():
            services.release(hold_id, attempt=attempt, reason="test")
        self.right.end(hold_id, 0)
        self.ended.append(hold_id)

    @rule(number=st.integers(0, 9))
    def stop_waiting(self, number: int) -> None:
        if not self.right.waiting:
            return
        entry = self.right.waiting.pop(number % len(self.right.waiting))
        decide(hold_id=entry[0], workspace_id=self.workspace, refusal="person")
        self.right.let_in()

    @rule(rate=st.integers(0, 2))
    def correct(self, rate: int) -> None:
        self.price(rate)
        now = timezone.now()
        correction = rerating.begin(
            correction_id=uuid4(), provider="openai", model=self.model, from_at=now - timedelta(hours=1), to_at=now,
            reason="test", actor=audit.SYSTEM,
        )  # fmt: skip
        for _ in rerating.run(correction.id):
            pass
        changed = rate != self.right.rate and bool(self.right.spent)
        self.right.rate = rate
        if changed:
            self.right.rerate(rate)

    @invariant()
    def books_are_right(self) -> None:
        if not hasattr(self, "workspace"):
            return
        rows = {row.meter: row for row in Counter.objects.filter(workspace_id=self.workspace)}
        busy = sum(self.right.held.values())
        for meter, used, held in (
            ("output_tokens", self.right.used, busy),
            ("cost_micro", self.right.cost, 2 * busy),
        ):
            row = rows.get(meter, Counter())
            assert (row.used, row.held) == (used, held)
        states = dict(Hold.objects.filter(workspace_id=self.workspace).values_list("id", "state"))
        assert {key for key, state in states.items() if state == "held"} == set(self.right.held)
        assert {key for key, state in states.items() if state == "waiting"} == {
            row[0] for row in self.right.waiting
        }
        assert all(states[hold_id] in ("settled", "released") for hold_id in self.ended)
        assert invariants.check(workspace_ids=[self.workspace]) == []


def test_books_follow_the_reference_whatever_happens(committed, monkeypatch):
    monkeypatch.setattr(ports.hold_decided, "_answer", decide)
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_books_follow_the_reference_through_a_correction(committed, monkeypatch):
    """Chance need not lead there: a price is corrected after something was spent."""
    monkeypatch.setattr(ports.hold_decided, "_answer", decide)
    machine = Ledger()
    machine.begin()
    machine.hold(cap=20, least=1, person=PEOPLE[0])
    machine.settle(number=0, tokens=10)
    machine.correct(rate=2)
    machine.books_are_right()
    assert machine.right.cost == 20
    assert LedgerEntry.objects.filter(workspace_id=machine.workspace, kind="re-rating").exists()
