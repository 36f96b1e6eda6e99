"""Holds as runs open and end them, without runs: what the client processes do."""

import random
import time
from collections import deque
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone

from tenants import audit
from usage.holds import services
from usage.holds.types import MILLION, Actual, Amount, Hold, HoldRequest
from usage.limits.services import LimitSpec, push_plan, set_limit
from usage.models import Limit, Price
from usage.rerating import services as rerating

MODEL = "bench-model"
CORRECTED_S = 20
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


def correct(micro_per_million: int, *, seconds: int = CORRECTED_S) -> None:
    """A new price of written tokens, and the last seconds rated anew by it, while others settle."""
    now = timezone.now()
    Price.objects.create(
        provider="openai", model=MODEL, meter="output_tokens", micro_per_million=micro_per_million,
        effective_at=now - timedelta(days=1), source="benchmark",
    )  # fmt: skip
    correction = rerating.begin(
        correction_id=uuid4(), provider="openai", model=MODEL, from_at=now - timedelta(seconds=seconds),
        to_at=now, reason="benchmark", actor=audit.SYSTEM,
    )  # fmt: skip
    deque(rerating.run(correction.id), maxlen=0)
