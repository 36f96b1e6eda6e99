"""Holds as runs open and end them, without runs: what the client processes do."""

import random
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone

from config import ports
from tenants import audit
from usage.holds import services
from usage.holds.types import MILLION, Actual, Amount, Hold, HoldLost, HoldRequest, QuotaExceeded
from usage.limits.services import LimitSpec, push_plan, set_limit
from usage.models import Hold as HoldRow
from usage.models import Limit, Price
from usage.rerating import services as rerating

MODEL = "bench-model"
CORRECTED_S = 20
OPERATIONS = {"hold": 4500, "settle": 3500, "release": 1180, "expire": 700, "limit": 100, "correct": 20}
"""Random operations, and how often each comes."""
CHAT: dict[str, Amount | None] = {
    "messages": Amount.of(1),
    "tokens": Amount(40 * MILLION, MILLION),
    "cost_micro": Amount(40 * 150_000, 600_000),
}
PLAN = (
    LimitSpec("messages", "day", 10**9),
    LimitSpec("tokens", "month", 10**12),
    LimitSpec("cost_micro", "month", 10**12),
)


def give_plan(workspace_id: UUID, limits: tuple[LimitSpec, ...] = PLAN) -> None:
    push_plan(workspace_id=workspace_id, limits=limits)


def limit_platform(amount: int = 10**12) -> None:
    spec = LimitSpec("cost_micro", "day", amount, subject_kind="platform")
    set_limit(workspace_id=None, spec=spec, source=Limit.Source.STAFF, actor=audit.SYSTEM)


def open_one(workspace_id: UUID, meters: dict[str, Amount | None], *, cap: int, person: UUID) -> Hold:
    request = HoldRequest(
        id=uuid4(), workspace_id=workspace_id, zone="UTC", person_ref=person, kind="reply", model=MODEL,
        meters=meters, cap=cap, min_cap=min(cap, 1),
    )  # fmt: skip
    with transaction.atomic():
        return services.open_hold(request)


def settle_one(hold_id: UUID, attempt: int, **used: int) -> None:
    actual = replace(Actual(provider="openai", model=MODEL, messages=0), **used)  # type: ignore[arg-type]  # its counts
    with transaction.atomic():
        services.settle(hold_id, attempt=attempt, actual=actual)


def cycle(number: int, workspaces: list[UUID], seconds: float) -> tuple[int, float]:
    """Hold and settle for so long: (cycles, seconds)."""
    rng, person, done = random.Random(number), uuid4(), 0
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        hold = open_one(rng.choice(workspaces), CHAT, cap=200, person=person)
        settle_one(hold.id, 0, messages=1, input_tokens=40, output_tokens=rng.randint(20, 200))
        done += 1
    return done, time.monotonic() - began


def update_row(number: int, rows: int, seconds: float) -> tuple[int, float]:
    """The yardstick: a synchronous single-row UPDATE … RETURNING, on the same kind of connection."""
    rng, done = random.Random(number), 0
    began = time.monotonic()
    with connection.cursor() as cursor:
        while time.monotonic() - began < seconds:
            cursor.execute(
                "UPDATE bench_row SET used = used + 1 WHERE id = %s RETURNING used", [rng.randrange(rows)]
            )
            cursor.fetchone()
            done += 1
    return done, time.monotonic() - began


def take_pieces(number: int, workspace_id: UUID, calls: int, meter: str, pieces: int) -> dict[str, int]:
    """Calls that hold and settle pieces: how many were served, and how the others ended."""
    ports.hold_decided._answer = lambda **_: None
    results: dict[str, int] = {}
    for _ in range(calls):
        try:
            hold = open_one(workspace_id, {meter: Amount.of(pieces)}, cap=0, person=uuid4())
        except QuotaExceeded as error:
            outcome = error.code
        else:
            outcome = _finish_pieces(hold, meter, pieces)
        results[outcome] = results.get(outcome, 0) + 1
    return results


def _finish_pieces(hold: Hold, meter: str, pieces: int) -> str:
    for _ in range(600):
        state, reason = HoldRow.objects.values_list("state", "release_reason").get(id=hold.id)
        if state == HoldRow.State.HELD:
            time.sleep(0.02)
            settle_one(hold.id, 0, **{meter: pieces})
            return "served"
        if reason:
            with transaction.atomic():
                services.end_waiting(hold.id, reason=reason)
            return reason
        time.sleep(0.1)
    return "waiting"


def check_then_add(number: int, amount: int, calls: int) -> int:
    """The control: looks first and writes afterwards. How many it let through."""
    served = 0
    with connection.cursor() as cursor:
        for _ in range(calls):
            cursor.execute("SELECT used FROM bench_row WHERE id = 0")
            if cursor.fetchone()[0] + 1 <= amount:
                cursor.execute("UPDATE bench_row SET used = used + 1 WHERE id = 0")
                served += 1
    return served


def operate(number: int, seed: int, workspaces: list[UUID], count: int) -> dict[str, int]:
    """Random holds, settlements, releases, expiries, and changes of limits."""
    ports.hold_decided._answer = _end_refused
    rng = random.Random(seed * 1000 + number)
    live: list[UUID] = []
    counts: dict[str, int] = {}
    people = [UUID(int=value) for value in range(4)]
    for _ in range(count):
        name = rng.choices(tuple(OPERATIONS), tuple(OPERATIONS.values()))[0]
        with suppress(QuotaExceeded, HoldLost):
            if name == "hold":
                meters: dict[str, Amount | None] = {**CHAT, "images": Amount.of(rng.randint(0, 2))}
                live.append(
                    open_one(
                        rng.choice(workspaces), meters, cap=rng.randint(1, 300), person=rng.choice(people)
                    ).id
                )
            elif name == "limit":
                _change_limit(rng, rng.choice(workspaces))
            elif name == "correct":
                correct(rng.choice([300_000, 600_000, 1_200_000]))
            elif live:
                _end(rng, name, live.pop(rng.randrange(len(live))))
        counts[name] = counts.get(name, 0) + 1
    return counts


def correct(micro_per_million: int) -> None:
    """A new price of written tokens, and the last seconds rated anew by it, while others settle."""
    now = timezone.now()
    Price.objects.create(
        provider="openai", model=MODEL, meter="output_tokens", micro_per_million=micro_per_million,
        effective_at=now - timedelta(days=1), source="benchmark",
    )  # fmt: skip
    correction = rerating.begin(
        correction_id=uuid4(), provider="openai", model=MODEL, from_at=now - timedelta(seconds=CORRECTED_S),
        to_at=now, reason="benchmark", actor=audit.SYSTEM,
    )  # fmt: skip
    deque(rerating.run(correction.id), maxlen=0)


def _end_refused(*, hold_id: UUID, workspace_id: UUID, refusal: str) -> None:
    if refusal:
        with transaction.atomic():
            services.end_waiting(hold_id, reason=refusal)


def _change_limit(rng: random.Random, workspace_id: UUID) -> None:
    plan = (
        LimitSpec("messages", "day", rng.choice([50, 10**9]), block_percent=100),
        LimitSpec("tokens", "month", rng.choice([20_000, 10**12])),
        LimitSpec("cost_micro", "month", rng.choice([10_000, 10**12])),
        LimitSpec("images", "total", rng.choice([40, 10**9])),
    )
    give_plan(workspace_id, plan)


def _end(rng: random.Random, name: str, hold_id: UUID) -> None:
    claim = services.claim(hold_id, lease_s=0 if name == "expire" else 60)
    if claim is None:
        _end_refused(hold_id=hold_id, workspace_id=hold_id, refusal="person")
        return
    attempt = claim.attempt
    if name == "expire":
        again = services.claim(hold_id)
        attempt = again.attempt if again else attempt
        with suppress(HoldLost), transaction.atomic():
            services.release(hold_id, attempt=attempt - 1, reason="late")
    if name == "settle":
        settle_one(
            hold_id,
            attempt,
            messages=1,
            input_tokens=40,
            output_tokens=rng.randint(0, 300),
            images=rng.randint(0, 2),
        )
        with suppress(HoldLost):
            settle_one(hold_id, attempt, messages=1)
    else:
        with transaction.atomic():
            services.release(hold_id, attempt=attempt, reason=name)


def end_everything(workspaces: list[UUID]) -> None:
    """Settles whoever holds and lets in whoever waits until nobody does."""
    ports.hold_decided._answer = _end_refused
    while True:
        for workspace_id in workspaces:
            services.let_in_waiting(workspace_id)
        live = HoldRow.objects.filter(workspace_id__in=workspaces, state__in=["held", "waiting"])
        ids = list(live.values_list("id", flat=True))
        if not ids:
            return
        for hold_id in ids:
            with suppress(HoldLost):
                HoldRow.objects.filter(id=hold_id).update(lease_expires_at="2020-01-01T00:00:00Z")
                _end(random.Random(0), "release", hold_id)
