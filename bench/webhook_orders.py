"""Orders in which the events of a billing life may come, and what must be true when they have.

An event is delivered no earlier than it happened, and the payment service then shows what it has to show at least: the
world only goes on as far as an order makes it. Each order has an account of its own that nobody else sees, inside a
transaction that is rolled back.
"""

import itertools
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock
from uuid import UUID

import greenlet  # type: ignore[import-untyped]  # it has none
import stripe
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from billing import effects
from billing.entitlements import services as entitlements
from billing.stripe import mirror, present, sync
from billing.stripe.state import CustomerState, assemble
from billing.subscriptions.models import BillingAccount, Grant
from billing.webhooks import services

EFFECTS = (
    "subscription_started", "subscription_changed", "subscription_ended", "invoice_paid", "invoice_failed",
    "session_completed", "trial_will_end",
)  # fmt: skip
DROPPED, TWICE, THRICE = 0.2, 0.2, 0.1
SHUFFLED = 0.5
"""The others come roughly in order, as in real life: then the world is young when they are processed."""
STUCK = 0.25
"""Of the workers: what they saw is applied only after everything else."""


@dataclass(frozen=True)
class Happening:
    """An event as it is signed and sent, and which world it came with."""

    body: bytes
    id: str
    type: str
    world: int


@dataclass(frozen=True)
class Life:
    """`worlds`: what the payment service shows of the customer after each step. `facts`: what the account says when
    all is over. `grants`: keys of the effects that it calls for, whatever was seen of it meanwhile."""

    customer_id: str
    happenings: tuple[Happening, ...]
    worlds: tuple[CustomerState, ...]
    facts: dict[str, Any]
    grants: frozenset[str]


@dataclass
class World:
    """What the payment service shows now."""

    life: Life
    step: int = 0

    def reach(self, step: int) -> None:
        self.step = max(self.step, step)

    def look(self, customer_id: str) -> CustomerState:
        assert customer_id == self.life.customer_id
        return self.life.worlds[self.step]


@dataclass
class Outcome:
    """`wrong`: everything that is not as it must be. `calls`: how often each effect ran, by its name and object."""

    wrong: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    was_repaired: bool = False
    looks: int = 0


def take(happening: Happening) -> str:
    """As the view and its task do."""
    services.receive(happening.body, sign(happening.body), now=timezone.now())
    return services.process(happening.id)


def sign(body: bytes) -> str:
    secret = settings.STRIPE_WEBHOOK_SECRETS[0]
    return str(stripe.WebhookSignature.generate_signature_header(body.decode(), secret))


@contextmanager
def stage(life: Life, workspace_id: UUID) -> Iterator[tuple[World, Outcome]]:
    """The workspace is the life's customer; the payment service is the life, whose prices were published; the mirror,
    which decides nothing, is away. Undone at the end."""
    world, outcome = World(life), Outcome()

    def look(customer_id: str) -> CustomerState:
        outcome.looks += 1
        return world.look(customer_id)

    with ExitStack() as stack:
        stack.enter_context(transaction.atomic())
        BillingAccount.objects.update_or_create(
            workspace_id=workspace_id, defaults={"stripe_customer_id": life.customer_id}
        )
        stack.enter_context(mock.patch.object(sync, "fetch", look))
        stack.enter_context(mock.patch.object(mirror, "copy", lambda *_, **__: 0))
        for name in EFFECTS:
            stack.enter_context(mock.patch.object(effects, name, _counting(name, outcome)))
        yield world, outcome
        transaction.set_rollback(True)


def _counting(name: str, outcome: Outcome) -> Callable[..., None]:
    run = getattr(effects, name)

    def counted(account: BillingAccount, what: Any) -> None:
        outcome.calls[f"{name} {what.id}"] += 1
        run(account, what)

    return counted


def judge(life: Life, workspace_id: UUID, outcome: Outcome) -> list[str]:
    """What differs from the one right state, and effects that ran not at all or more than once."""
    account = BillingAccount.objects.get(workspace_id=workspace_id)
    wrong = [
        f"{name}: {getattr(account, name)} for {value}"
        for name, value in life.facts.items()
        if getattr(account, name) != value
    ]
    granted = set(Grant.objects.filter(workspace_id=workspace_id).values_list("key", flat=True))
    ours = {key for key in granted if not key.startswith("subscription.changed")} & _of_life(life, granted)
    wrong += [f"grant {key}" for key in sorted(ours ^ life.grants)]
    often = {
        name: count for name, count in outcome.calls.items() if not name.startswith("subscription_changed")
    }
    wrong += [f"{name} ran {count} times" for name, count in sorted(often.items()) if count != 1]
    if len(often) != len(life.grants):
        wrong.append(f"{len(often)} effects ran for {len(life.grants)}")
    return wrong


def _of_life(life: Life, granted: set[str]) -> set[str]:
    """Effects claim keys of their own beside."""
    kinds = {key.split(":")[0] for key in life.grants} | {"subscription.ended", "invoice.failed"}
    return {key for key in granted if key.split(":")[0] in kinds}


def take_payload(happening: Happening) -> None:
    """The control: what the event itself says is applied as it arrives, as so many do it."""
    told = json.loads(happening.body)["data"]["object"]
    if told["object"] != "subscription":
        return
    account = BillingAccount.objects.get(stripe_customer_id=told["customer"])
    state = assemble({"id": told["customer"]}, [told], [])
    for name, value in present.fields_of(account, state, now=timezone.now()).items():
        setattr(account, name, value)
    account.save()
    entitlements.refresh(account.workspace_id)


# all orders


def orders(life: Life) -> Iterator[tuple[Happening, ...]]:
    return itertools.permutations(life.happenings)


def sample(life: Life, count: int, seed: int) -> Iterator[tuple[Happening, ...]]:
    chance = random.Random(seed)
    for _ in range(count):
        rows = list(life.happenings)
        chance.shuffle(rows)
        yield tuple(rows)


def run_order(
    life: Life, workspace_id: UUID, order: Sequence[Happening], *, take: Callable[[Happening], Any] = take
) -> Outcome:
    """Delivered and processed one by one in this order, each as early as it may be."""
    with stage(life, workspace_id) as (world, outcome):
        for happening in order:
            world.reach(happening.world)
            take(happening)
        outcome.wrong = judge(life, workspace_id, outcome)
    return outcome


# interleavings


@dataclass(frozen=True)
class Interleaving:
    """Deliveries with duplicates, without those that were dropped; `seed` decides who goes on when."""

    deliveries: tuple[Happening, ...]
    seed: int

    def tells_the_end(self, life: Life) -> bool:
        """Something of the last step came, so that nothing needs repair."""
        return any(row.world == len(life.worlds) - 1 for row in self.deliveries)


def interleavings(life: Life, count: int, seed: int) -> Iterator[Interleaving]:
    chance = random.Random(seed)
    for _ in range(count):
        rows: list[Happening] = []
        for happening in life.happenings:
            luck = chance.random()
            times = 0 if luck < DROPPED else 2 if luck < DROPPED + TWICE else 3 if luck > 1 - THRICE else 1
            rows += [happening] * times
        if chance.random() < SHUFFLED:
            chance.shuffle(rows)
        else:
            places = [(place + chance.uniform(0, 4), place) for place in range(len(rows))]
            rows = [rows[place] for _, place in sorted(places)]
        yield Interleaving(tuple(rows), chance.getrandbits(32))


def run_interleaving(
    life: Life, workspace_id: UUID, plan: Interleaving, *, is_numbered: bool = True, workers: int = 4
) -> Outcome:
    """Deliveries come while several workers process what came before, each stopped before and after it has asked the
    payment service, which meanwhile goes on. Then, if the end was not told, one reconciliation.

    `is_numbered` False: the control, in which whatever arrives last is applied.
    """
    with stage(life, workspace_id) as (world, outcome):
        _interleave(life, world, plan, workers, is_numbered=is_numbered)
        if not plan.tells_the_end(life):
            world.reach(len(life.worlds) - 1)
            sync.sync_customer(life.customer_id, is_repair=True)
            outcome.was_repaired = True
        outcome.wrong = judge(life, workspace_id, outcome)
    return outcome


@dataclass
class _Worker:
    """Stands before it asks, then before it applies what it saw; `is_stuck` there, while others can go on."""

    run: Any
    is_stuck: bool
    steps: int = 0

    @property
    def can_go(self) -> bool:
        return not (self.is_stuck and self.steps == 2)

    def go(self) -> None:
        self.steps += 1
        self.run.switch()


def _interleave(life: Life, world: World, plan: Interleaving, workers: int, *, is_numbered: bool) -> None:
    chance = random.Random(plan.seed)
    coming, waiting, running = deque(plan.deliveries), list[str](), list[_Worker]()
    with _stopping_workers(is_numbered=is_numbered):
        while coming or waiting or running:
            begins = waiting if len(running) < workers else []
            going = [row for row in running if row.can_go]
            deed = _choose(chance, coming, begins, going or ([] if coming or begins else running))
            if deed == "deliver":
                happening = coming.popleft()
                world.reach(happening.world)
                services.receive(happening.body, sign(happening.body), now=timezone.now())
                waiting.append(happening.id)
            elif deed == "begin":
                event_id = waiting.pop(chance.randrange(len(waiting)))
                run = greenlet.greenlet(lambda event_id=event_id: services.process(event_id))
                running.append(_Worker(run, chance.random() < STUCK))
            elif deed == "continue":
                chance.choice(going or running).go()
            else:
                world.reach(min(world.step + 1, len(life.worlds) - 1))
            running = [row for row in running if not row.run.dead]


@contextmanager
def _stopping_workers(*, is_numbered: bool) -> Iterator[None]:
    scheduler, ask, apply = greenlet.getcurrent(), sync.fetch, sync.apply

    def fetch(customer_id: str) -> CustomerState:
        scheduler.switch()
        seen = ask(customer_id)
        scheduler.switch()
        return seen

    def apply_last(look: sync.Look, state: CustomerState, **options: Any) -> sync.Applied:
        BillingAccount.objects.filter(pk=look.workspace_id).update(applied_token=0)
        return apply(look, state, **options)

    with mock.patch.object(sync, "fetch", fetch), ExitStack() as stack:
        if not is_numbered:
            stack.enter_context(mock.patch.object(sync, "apply", apply_last))
        yield


def _choose(chance: random.Random, coming: deque, waiting: list, going: list) -> str:
    """Workers are quicker than deliveries come, and the world goes on by itself only rarely: so all meet."""
    weights = {
        "deliver": 20 * bool(coming),
        "begin": 40 * bool(waiting),
        "continue": 40 * bool(going),
        "go on": 1,
    }
    return chance.choices(list(weights), list(weights.values()))[0]
