"""Random operations on holds from many processes, with the books checked again and again.

Each process knows what it had settled. Their sums are the reference: the counters must say the same, to the unit.
"""

import json
import random
import time
from collections import Counter as Tally
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F, Sum

from bench import clients, holding, report
from config import ports
from usage.holds import services
from usage.holds.types import MILLION, Amount, HoldLost, QuotaExceeded
from usage.limits.services import LimitSpec
from usage.models import Counter
from usage.models import Hold as HoldRow
from usage.reconciliation import invariants

WORKSPACES = 16
INPUT = 40
WEIGHTS = {
    "hold": 4200, "settle": 2900, "release": 700, "expire": 600, "extend": 800, "give_back": 400, "limit": 100,
    "correct": 4,
}  # fmt: skip
"""Random operations, and how often each is chosen."""
CORRECTED_S = 2
RATES = (300_000, 600_000, 1_200_000)
AMPLE = 10**12
REFERENCE = ("messages", "tokens", "images")
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@dataclass
class Live:
    """A hold of this process. `attempt` 0: nobody runs it; `covered`: output that is held while it runs."""

    id: str
    workspace_id: str
    images: int
    attempt: int = 0
    covered: int = 0


@dataclass
class Progress:
    """What is written to the file after each round, so that a run can go on where it ended."""

    seed: int
    workspaces: list[str]
    done: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)
    counts: Tally[str] = field(default_factory=Tally)
    settled: Tally[str] = field(default_factory=Tally)
    live: list[Live] = field(default_factory=list)

    def save(self, path: Path) -> None:
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps({**vars(self), "live": [vars(live) for live in self.live]}))
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Progress":
        saved = json.loads(path.read_text())
        live = [Live(**row) for row in saved.pop("live")]
        counts, settled = Tally(saved.pop("counts")), Tally(saved.pop("settled"))
        return cls(**saved, live=live, counts=counts, settled=settled)


@dataclass
class Player:
    """One process: its choices, its holds, what happened, and what it settled by `workspace meter`."""

    rng: random.Random
    workspaces: list[str]
    live: list[Live]
    counts: Tally[str] = field(default_factory=Tally)
    settled: Tally[str] = field(default_factory=Tally)

    def play(self, count: int) -> None:
        names, weights = tuple(WEIGHTS), tuple(WEIGHTS.values())
        while self.counts.total() < count:
            name = self.rng.choices(names, weights)[0]
            step: Callable[[], str] = getattr(self, name if self.live or name in FREE else "hold")
            self.counts[step()] += 1

    def hold(self) -> str:
        images = self.rng.randint(0, 2)
        meters: dict[str, Amount | None] = {
            "messages": Amount.of(1),
            "input_tokens": Amount.of(INPUT),
            "output_tokens": Amount(0, MILLION),
            "tokens": Amount(INPUT * MILLION, MILLION),
            "cost_micro": Amount(INPUT * 150_000, max(RATES)),
            "images": Amount.of(images),
        }
        workspace_id = self.rng.choice(self.workspaces)
        person = UUID(int=self.rng.randrange(4))
        try:
            hold = holding.open_one(UUID(workspace_id), meters, cap=self.rng.randint(1, 300), person=person)
        except QuotaExceeded:
            return "hold, refused"
        self.live.append(Live(str(hold.id), workspace_id, images))
        return "hold, waiting" if hold.is_waiting else "hold"

    def _pick(self) -> Live:
        return self.live[self.rng.randrange(len(self.live))]

    def _run(self, live: Live) -> bool:
        """A worker has it from now on; False when it waits, or was refused while it waited."""
        if live.attempt == 0:
            claim = services.claim(UUID(live.id), lease_s=3600)
            if claim is None:
                return False
            live.attempt, live.covered = claim.attempt, claim.covered
        return True

    def _give_up(self, live: Live) -> str:
        self.live.remove(live)
        _end_refused(hold_id=UUID(live.id), workspace_id=UUID(live.workspace_id), refusal="person")
        return "stop waiting"

    def settle(self) -> str:
        live = self._pick()
        if not self._run(live):
            return self._give_up(live)
        self.live.remove(live)
        written, images = self.rng.randint(0, 300), self.rng.randint(0, 2)
        for number in range(2):
            used = {"messages": 1, "input_tokens": INPUT, "output_tokens": written, "images": images}
            try:
                holding.settle_one(UUID(live.id), live.attempt, **used)
            except HoldLost:
                assert number == 1, "nobody else has it"
        amounts = (1, INPUT + min(written, live.covered), min(images, live.images))
        self.settled.update(
            {f"{live.workspace_id} {meter}": amount for meter, amount in zip(REFERENCE, amounts, strict=True)}
        )
        return "settle"

    def release(self) -> str:
        live = self._pick()
        if not self._run(live):
            return self._give_up(live)
        self.live.remove(live)
        with transaction.atomic():
            services.release(UUID(live.id), attempt=live.attempt, reason="release")
        return "release"

    def expire(self) -> str:
        """The lease ends, another worker takes the run, and the first one comes too late."""
        live = self._pick()
        if not self._run(live):
            return self._give_up(live)
        HoldRow.objects.filter(id=live.id).update(lease_expires_at="2020-01-01T00:00:00Z")
        late, live.attempt = live.attempt, 0
        assert self._run(live), "an expired lease is free"
        with suppress(HoldLost), transaction.atomic():
            services.release(UUID(live.id), attempt=late, reason="late")
            raise AssertionError("a lost attempt released")
        return "expire"

    def extend(self) -> str:
        live = self._pick()
        if not self._run(live):
            return self._give_up(live)
        covered = services.extend(UUID(live.id), attempt=live.attempt, cap=live.covered * 2)
        assert covered is not None, "it is ours"
        is_more = covered > live.covered
        live.covered = covered
        return "extend" if is_more else "extend, refused"

    def give_back(self) -> str:
        live = self._pick()
        if not self._run(live):
            return self._give_up(live)
        assert services.give_back(UUID(live.id), attempt=live.attempt)
        live.attempt = 0
        return "give back"

    def limit(self) -> str:
        """Limits near what is used, so that holds wait, shrink and are refused; or ample ones."""
        workspace_id = UUID(self.rng.choice(self.workspaces))
        rows = Counter.objects.filter(workspace_id=workspace_id, subject_kind="workspace")
        used = dict(rows.values_list("meter", "used"))
        room = {"messages": 60, "tokens": 9000, "cost_micro": 8000, "images": 60}
        specs = [
            LimitSpec(
                meter,
                "total",
                AMPLE if self.rng.random() < 0.6 else used.get(meter, 0) + self.rng.randint(0, most),
                block_percent=100,
            )
            for meter, most in room.items()
        ]
        holding.give_plan(workspace_id, tuple(specs))
        return "change limits"

    def correct(self) -> str:
        holding.correct(self.rng.choice(RATES), seconds=CORRECTED_S)
        return "correct"


FREE = ("hold", "limit", "correct")


def _end_refused(*, hold_id: UUID, workspace_id: UUID, refusal: str) -> None:
    if refusal:
        with transaction.atomic():
            services.end_waiting(hold_id, reason=refusal)


def _play(
    number: int, seed: int, workspaces: list[str], lives: list[list[Live]], count: int
) -> tuple[Tally[str], Tally[str], list[Live]]:
    ports.hold_decided._answer = _end_refused
    player = Player(random.Random(seed * 1000 + number), workspaces, lives[number])
    player.play(count)
    return player.counts, player.settled, player.live


def begin(seed: int) -> Progress:
    progress = Progress(seed, [str(uuid4()) for _ in range(WORKSPACES)])
    for workspace_id in progress.workspaces:
        plan = tuple(LimitSpec(meter, "total", AMPLE) for meter in (*REFERENCE, "cost_micro"))
        holding.give_plan(UUID(workspace_id), plan)
    holding.limit_platform()
    holding.correct(RATES[1])
    return progress


def run(progress: Progress, *, operations: int, processes: int, every: int, path: Path) -> None:
    """Rounds of `every` operations; after each the invariants are checked and everything is written down."""
    deadlocks = _deadlocks()
    while progress.done < operations:
        share = -(-min(every, operations - progress.done) // processes)
        lives = [progress.live[number::processes] for number in range(processes)]
        began = time.monotonic()
        parts = clients.run(
            processes, _play, progress.seed + progress.done, progress.workspaces, lives, share
        )
        played_s = time.monotonic() - began
        progress.live = []
        for counts, settled, live in parts:
            progress.counts.update(counts)
            progress.settled.update(settled)
            progress.live += live
        progress.done += share * processes
        found = check(progress)
        progress.broken += found
        progress.seconds += time.monotonic() - began
        progress.counts["deadlock"] += _deadlocks() - deadlocks
        deadlocks = _deadlocks()
        progress.save(path)
        _tell(progress, operations, share * processes / played_s, found)


def _tell(progress: Progress, operations: int, rate: float, found: list[str]) -> None:
    left_s = (operations - progress.done) * progress.seconds / progress.done
    report.progress(
        f"{progress.done:,} of {operations:,} operations ({rate:,.0f}/s), {len(progress.live)} live, "
        f"{len(found)} broken, about {max(0, left_s) / 60:.0f} min left"
    )
    for line in found[:5]:
        report.progress(f"  {line}")


def check(progress: Progress) -> list[str]:
    """Everything that is wrong with the books now."""
    workspaces = [UUID(workspace_id) for workspace_id in progress.workspaces]
    # These workspaces have no runs that could have ended (I6).
    rows = [row for row in invariants.check(workspace_ids=workspaces) if row.invariant != "I6"]
    wrong = [f"{row.invariant} {row.where}: {row.expected} expected, {row.found} found" for row in rows]
    counted = _counted(progress)
    expected = {name: amount for name, amount in progress.settled.items() if amount}
    names = sorted({name for name, _ in counted.items() ^ expected.items()})
    return wrong + [
        f"reference {name}: {expected.get(name)} settled, {counted.get(name)} used" for name in names
    ]


def _counted(progress: Progress) -> dict[str, int]:
    """`workspace meter` → what the counters say."""
    rows = Counter.objects.filter(
        workspace_id__in=progress.workspaces, subject_kind="workspace", meter__in=REFERENCE
    )
    totals = rows.values_list("workspace_id", "meter").annotate(total=Sum(F("used") - F("opening")))
    return {f"{workspace_id} {meter}": total for workspace_id, meter, total in totals if total}


def resume(path: Path) -> Progress:
    """Goes on from the last round that was written down. What a broken-off round left is ended first; the reference
    begins anew with what is counted then, which the invariants answer for."""
    progress = Progress.load(path)
    _end_all(progress)
    progress.settled = Tally(_counted(progress))
    return progress


def end(progress: Progress, path: Path) -> list[str]:
    """Ends what is left, and checks for the last time."""
    _end_all(progress)
    left = check(progress)
    rows = Counter.objects.filter(workspace_id__in=progress.workspaces)
    held = rows.aggregate(total=Sum("held"))["total"]
    progress.save(path)
    return [*left, *([f"{held} still held"] if held else [])]


def _end_all(progress: Progress) -> None:
    ports.hold_decided._answer = _end_refused
    while True:
        for workspace_id in progress.workspaces:
            services.let_in_waiting(UUID(workspace_id))
        rows = HoldRow.objects.filter(workspace_id__in=progress.workspaces, state__in=["held", "waiting"])
        live = list(rows.values_list("id", "state"))
        if not live:
            break
        for hold_id, state in live:
            _end_one(hold_id, state)
    progress.live = []


def _end_one(hold_id: UUID, state: str) -> None:
    if state == HoldRow.State.WAITING:
        _end_refused(hold_id=hold_id, workspace_id=hold_id, refusal="person")
        return
    HoldRow.objects.filter(id=hold_id).update(lease_expires_at="2020-01-01T00:00:00Z")
    claim = services.claim(hold_id)
    if claim is not None:
        with transaction.atomic():
            services.release(hold_id, attempt=claim.attempt, reason="end")


def _deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(DEADLOCKS)
        return int(cursor.fetchone()[0])


def figures(progress: Progress, left: list[str]) -> dict[str, Any]:
    return {
        "operations": progress.done,
        "seed": progress.seed,
        "per_second": progress.done / max(progress.seconds, 0.001),
        "seconds": progress.seconds,
        "broken": progress.broken,
        "drift": left,
        "by_kind": dict(progress.counts.most_common()),
    }
