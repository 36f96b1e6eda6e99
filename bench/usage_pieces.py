"""Races of work that is not chat, at the level of services: runs of images and audio from three processes.

And the controls: callers who look at a counter, do their work and add to it afterwards, seen by the same watch.
"""

import time
from collections import Counter as Tally
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import F

from accounts import queries as accounts
from accounts.models import Membership
from accounts.permissions import Member
from assistants.models import Run
from assistants.runs import services as runs
from assistants.runs.job import Outcome as End
from bench import clients, holding, report, usage_watch
from bench.target import Target
from bench.usage_races import AMPLE, Outcome
from tenants.scope import workspace_scope
from usage.holds import services as holds
from usage.holds.types import QuotaExceeded
from usage.limits.services import LimitSpec
from usage.models import Counter

PROCESSES = 3
WORK_S = 0.05
LONGEST_POLL_S = 1.0
PATIENCE_S = 90.0


@dataclass(frozen=True)
class Work:
    """`one`: what a run of it uses of the meter that is raced for; with a limit of money that is its price."""

    name: str
    kind: Run.Kind
    model: str
    variant: str
    pieces: dict[str, int]
    meter: str
    one: int
    worth: int = 10


WORKS = (
    Work("images", Run.Kind.IMAGE, "gpt-image-1", "1024x1024/medium", {"images": 2}, "images", 2),
    Work(
        "images, cost", Run.Kind.IMAGE, "gpt-image-1", "1024x1024/medium", {"images": 1}, "cost_micro", 42_000
    ),
    Work("speech", Run.Kind.SPEECH, "gpt-4o-mini-tts", "", {"audio_out_ms": 2500}, "audio_out_ms", 2500),
    Work(
        "transcription", Run.Kind.TRANSCRIPTION, "whisper-1", "", {"audio_in_ms": 1500}, "audio_in_ms", 1500
    ),
    Work(
        "transcription, budget",
        Run.Kind.TRANSCRIPTION,
        "whisper-1",
        "",
        {"audio_in_ms": 1500},
        "cost_micro",
        150,
        50,
    ),
)
CONTROLS = {"messages": 1, "tokens": 37, "cost_micro": 15, "images": 2, "audio_in_ms": 1500}
"""meter → what a call uses."""


def run_all(target: Target, callers: int) -> list[Outcome]:
    with usage_watch.watching(target):
        return [_race(target, work, callers) for work in WORKS]


def _race(target: Target, work: Work, callers: int) -> Outcome:
    workspace_id = UUID(target.workspace()[0])
    _limit(workspace_id, work.meter, AMPLE)
    assert clients.run(1, _call_many, workspace_id, work, 1) == [{"served": 1}]
    counter = _counter(workspace_id, work.meter)
    line = counter.used + work.worth * work.one
    amount = -(-line * 100 // 95) if work.meter == "cost_micro" else line
    _limit(workspace_id, work.meter, amount)
    outcome = Outcome(work.name, work.worth, amount, line)
    with target.database() as database:
        usage_watch.forget(database)
        row = database.execute("SELECT clock_timestamp()").fetchone()
        began = time.monotonic()
        for part in clients.run(PROCESSES, _call_many, workspace_id, work, -(-callers // PROCESSES)):
            outcome.refused.update(part)
        outcome.seconds = time.monotonic() - began
        outcome.served = outcome.refused.pop("served", 0)
        books = usage_watch.books(
            database, workspace_id=workspace_id, since=row and row[0], meter=work.meter, least=work.one
        )
        seen = usage_watch.seen(database)[counter.pk]
    outcome.most, outcome.changes, outcome.early = seen.most, seen.changes, books.early
    outcome.settled, outcome.receipts = books.settled, books.receipts
    before, outcome.used = counter.used, _counter(workspace_id, work.meter).used
    outcome.judge(work.worth)
    if not outcome.used - before == books.booked == work.worth * work.one or books.live:
        outcome.faults.append(f"books: {outcome.used - before} counted, {books}")
    report.progress(
        f"{work.name}: {outcome.served} served, {dict(outcome.refused)}, {outcome.faults or 'exact'}"
    )
    return outcome


def _limit(workspace_id: UUID, meter: str, amount: int) -> None:

    holding.give_plan(workspace_id, (LimitSpec(meter, "total", amount),))


def _counter(workspace_id: UUID, meter: str) -> Counter:

    return Counter.objects.get(
        workspace_id=workspace_id, subject_kind="workspace", meter=meter, window="total"
    )


def _call_many(number: int, workspace_id: UUID, work: Work, count: int) -> Tally[str]:
    """So many callers at once in this process: how their runs ended."""

    # Its callers do the work themselves: no worker is woken.
    runs.enqueue = lambda **_: None
    with ThreadPoolExecutor(count) as pool:
        return Tally(pool.map(lambda _: _alone(partial(_call, workspace_id, work)), range(count)))


def _alone(step: Callable[[], str]) -> str:
    """Gives the connection back, so that callers who wait hold none."""

    try:
        return step()
    finally:
        connection.close()


def _call(workspace_id: UUID, work: Work) -> str:
    """One run from its hold to its end."""

    new = runs.NewRun(kind=work.kind, model=work.model, pieces=work.pieces, variant=work.variant)
    try:
        with workspace_scope(workspace_id), transaction.atomic():
            run = runs.start_run(member=_owner(workspace_id), new=new)
    except QuotaExceeded as error:
        return error.code
    until, pause_s = time.monotonic() + PATIENCE_S, 0.05
    while time.monotonic() < until:
        outcome = _alone(partial(_take, workspace_id, work, run.id))
        if outcome:
            return outcome
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_POLL_S)
    return "waits"


def _take(workspace_id: UUID, work: Work, run_id: UUID) -> str:
    """Does the run when its turn came; how it ended, or nothing while it waits."""

    claim = holds.claim(run_id)
    if claim is None:
        with workspace_scope(workspace_id):
            return Run.objects.values_list("error_code", flat=True).get(id=run_id)
    connection.close()
    time.sleep(WORK_S)
    with workspace_scope(workspace_id):
        end = End(pieces=work.pieces, variant=work.variant, answered_by=work.model)
        ended = runs.finish_run(run_id=run_id, attempt=claim.attempt, outcome=end)
    return "served" if ended is not None and ended.state == "done" else "lost"


def _owner(workspace_id: UUID) -> Member:

    user_id = Membership.objects.get(workspace_id=workspace_id, role="owner").user_id
    member = accounts.get_member(user_id=user_id, workspace_id=workspace_id, session_key=None)
    assert member is not None
    return member


def run_controls(target: Target, callers: int) -> list[Outcome]:
    with usage_watch.watching(target):
        return [_control(target, meter, one, callers) for meter, one in CONTROLS.items()]


def _control(target: Target, meter: str, one: int, callers: int) -> Outcome:
    """The same limit, the same crowd, and a counter that is read first and written afterwards."""

    line = 10 * one
    counter = Counter.objects.create(
        workspace_id=uuid4(), subject_kind="workspace", meter=meter, window="total", window_start="1970-01-01"
    )
    outcome = Outcome(meter, 10, line, line)
    with target.database() as database:
        usage_watch.forget(database)
        began = time.monotonic()
        parts = clients.run(PROCESSES, _careless_many, counter.pk, one, line, -(-callers // PROCESSES))
        outcome.seconds = time.monotonic() - began
        seen = usage_watch.seen(database)[counter.pk]
    outcome.served = sum(parts)
    outcome.most, outcome.changes = seen.most, seen.changes
    counter.refresh_from_db()
    outcome.used = counter.used
    counter.delete()
    return outcome


def _careless_many(number: int, counter_id: int, one: int, line: int, count: int) -> int:
    with ThreadPoolExecutor(count) as pool:
        return sum(pool.map(lambda _: _careless(counter_id, one, line), range(count)))


def _careless(counter_id: int, one: int, line: int) -> bool:
    """Looks, works, and books: what a proxy does that adds up what calls have cost."""

    try:
        if Counter.objects.get(id=counter_id).used + one > line:
            return False
        connection.close()
        time.sleep(WORK_S)
        Counter.objects.filter(id=counter_id).update(used=F("used") + one)
        return True
    finally:
        connection.close()
