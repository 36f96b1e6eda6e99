"""PostgreSQL crashes while calls race on a limit: what was answered with 2xx stands, and nothing passes the limit."""

import argparse
import asyncio
import os
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import uvloop

from bench import books, report, wire
from bench.points import limits
from bench.target import Target
from bench.turns import Asker, Turn
from bench.usage_calls import USED_UP
from bench.victims import Supervisor, wait_ready

CRASHES_AT_S = (1.2, 4.0, 7.5, 12.0)
STARTS_WITHIN_S = 10.0
CALL_TIMEOUT_S = 120.0
SAMPLE_S = 0.03
TOKENS = 20
WORTH = 50
REST_CALLERS = 8
ENDS_WITHIN_S = 90.0
SIM = f"/sim tokens={TOKENS} rate=16 delay_ms=200"
LAST = """
SELECT l.output_tokens + l.input_tokens, l.cost_micro, h.request -> 'meters'
FROM usage_ledgerentry l JOIN usage_hold h ON h.id = l.hold_id
WHERE l.workspace_id = %s ORDER BY l.id DESC LIMIT 1
"""
TOGETHER = """
SELECT used, used + held FROM usage_counter
WHERE workspace_id = %s AND subject_kind = 'workspace' AND meter = %s AND "window" = 'total'
"""
SETTLED = """
SELECT count(*) FROM usage_ledgerentry
WHERE workspace_id = %s AND kind = 'settlement' AND account = 'workspace' AND created_at >= to_timestamp(%s)
"""


@dataclass
class Outcome:
    """`broken`: of the runs answered with 2xx, those that are not settled once with the text that was answered."""

    meter: str
    amount: int = 0
    crashes: int = 0
    answered: int = 0
    broken: int = 0
    others: Counter[str] = field(default_factory=Counter)
    served: int = 0
    served_with_rest: int = 0
    most: int = 0
    used: int = 0
    samples: int = 0

    @property
    def is_good(self) -> bool:
        within = self.most <= self.amount and self.used <= self.amount and self.served <= WORTH
        return not self.broken and within and self.served_with_rest == WORTH and self.crashes > 0


class Watch(threading.Thread):
    """Samples what is used and held together, through crashes."""

    def __init__(self, target: Target, meter: str) -> None:
        super().__init__(daemon=True)
        self._target, self._arguments = target, (target.workspace()[0], meter)
        self._over = threading.Event()
        self.most = self.used = self.samples = 0

    def run(self) -> None:
        while not self._over.wait(SAMPLE_S):
            try:
                with self._target.database() as connection:
                    while not self._over.wait(SAMPLE_S):
                        self.sample(connection)
            except psycopg.Error:
                continue

    def sample(self, connection: Any) -> None:
        row = connection.execute(TOGETHER, self._arguments).fetchone()
        if row is not None:
            self.used, self.most, self.samples = row[0], max(self.most, row[1]), self.samples + 1

    def end(self) -> None:
        self._over.set()
        self.join()
        with self._target.database() as connection:
            self.sample(connection)


def run(target: Target, options: argparse.Namespace) -> bool:
    """Prints what happened; whether all is well."""
    chance = random.Random(options.seed)
    stack = Supervisor(target, Path(target.state_file).parent.with_name("bench-limited"))
    outcomes = []
    try:
        for meter in limits.METERS:
            limits.widen(stack.target)
            outcomes.append(uvloop.run(_race(stack.target, meter, options.callers, chance)))
    finally:
        stack.close()
    _show(outcomes)
    report.emit(
        "faults",
        limited=[{**vars(each), "others": dict(each.others)} for each in outcomes],
        seed=options.seed,
    )
    return all(each.is_good for each in outcomes)


async def _race(target: Target, meter: str, callers: int, chance: random.Random) -> Outcome:
    await _ask(target)
    outcome = Outcome(meter)
    outcome.amount = await asyncio.to_thread(_leave_worth, target, meter)
    watch, began_at = Watch(target, meter), time.time()
    watch.start()
    crashing = asyncio.ensure_future(_crash(target, outcome))
    answers: dict[str, str | None] = {}
    starts = [(chance.uniform(0, STARTS_WITHIN_S), number) for number in range(callers)]
    await asyncio.gather(
        *(
            _call(target, start, meter == "messages" and number % 2 == 1, answers, outcome)
            for start, number in starts
        )
    )
    await crashing
    await asyncio.to_thread(wait_ready, target)
    await _wait_for_ends(target)
    outcome.answered, outcome.broken = len(answers), await asyncio.to_thread(_count_broken, target, answers)
    outcome.served = await asyncio.to_thread(_count_settled, target, began_at)
    await _serve_rest(target, outcome)
    await _wait_for_ends(target)
    outcome.served_with_rest = await asyncio.to_thread(_count_settled, target, began_at)
    await asyncio.to_thread(watch.end)
    outcome.most, outcome.used, outcome.samples = watch.most, watch.used, watch.samples
    report.progress(
        f"{meter}: {outcome.answered} answered with 2xx, {outcome.broken} broken, {outcome.served} served"
    )
    return outcome


def _leave_worth(target: Target, meter: str) -> int:
    """What is used now, and what WORTH calls like the last one use: the last of them must be able to begin."""
    workspace_id, _ = target.workspace()
    with target.database() as connection:
        row = connection.execute(LAST, [workspace_id]).fetchone()
        assert row is not None
        one = {"messages": 1, "tokens": row[0], "cost_micro": row[1]}[meter]
        raw, rate = row[2][meter]
        least = -(-(raw + TOKENS * rate) // 1_000_000)
        limits.leave(target, meter, (WORTH - 1) * one + max(one, least))
        amount = connection.execute(
            "SELECT amount FROM usage_limit WHERE workspace_id = %s AND meter = %s AND \"window\" = 'total'",
            [workspace_id, meter],
        ).fetchone()
    assert amount is not None
    return int(amount[0])


async def _crash(target: Target, outcome: Outcome) -> None:
    began = time.monotonic()
    for at in CRASHES_AT_S:
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        await asyncio.to_thread(wait_ready, target)
        os.kill(target.pids()["postgres"], signal.SIGQUIT)
        outcome.crashes += 1
        report.progress(f"{outcome.meter}: PostgreSQL crashed for the {outcome.crashes}. time")
    await asyncio.to_thread(wait_ready, target)


async def _call(
    target: Target, start: float, is_turn: bool, answers: dict[str, str | None], outcome: Outcome
) -> None:
    """`answers`: run → the text that was answered; None for a question that was accepted with 201."""
    await asyncio.sleep(start)
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            run_id, text, refusal = await (_accept(target) if is_turn else _ask(target))
    except (OSError, TimeoutError) as error:
        run_id, text, refusal = "", None, type(error).__name__
    if run_id:
        answers[run_id] = text
    else:
        outcome.others[refusal] += 1


async def _ask(target: Target) -> tuple[str, str | None, str]:
    """A chat completion: run, text, or why not."""
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": SIM}], "max_tokens": TOKENS}
    answer = await wire.ask(target.address, wire.post("/v1/chat/completions", body, wire.bearer(target.key)))
    if answer.status != 200:
        return "", None, f"{answer.status} {_code(answer)}"
    made = answer.json()
    return str(UUID(made["id"].removeprefix("chatcmpl-"))), made["choices"][0]["message"]["content"], ""


def _code(answer: wire.Answer) -> str:
    try:
        return str(answer.json()["error"].get("code"))
    except (ValueError, KeyError, TypeError):
        return ""


async def _accept(target: Target) -> tuple[str, str | None, str]:
    """A question of a conversation; its answer is waited for by nobody."""
    turn = Turn(SIM)
    connection = await wire.connect(target.address)
    try:
        await Asker(target.address, target.key).send(connection, turn)
    finally:
        connection.close()
    return turn.run_id, None, turn.error


async def _wait_for_ends(target: Target) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while await asyncio.to_thread(books.count_unfinished, target) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)


def _count_broken(target: Target, answers: dict[str, str | None]) -> int:
    """An answered text must be settled once, as answered; an accepted question must have an end."""
    found = books.read(target, answers)
    return sum(not is_honoured(found.get(run_id), text) for run_id, text in answers.items())


def is_honoured(entry: books.Books | None, text: str | None) -> bool:
    if entry is None or not entry.is_final:
        return False
    settled = entry.settlements == entry.receipts == 1 and entry.hold_state == "settled"
    if text is None and not entry.text:
        return entry.settlements == entry.receipts == 0
    return settled and text in (None, entry.text)


def _count_settled(target: Target, since: float) -> int:
    with target.database() as connection:
        row = connection.execute(SETTLED, [target.workspace()[0], since]).fetchone()
    return int(row[0]) if row else 0


async def _serve_rest(target: Target, outcome: Outcome) -> None:
    """Callers that come one after another until each was told that the limit is used up."""

    async def caller() -> None:
        for _ in range(WORTH + 1):
            run_id, _, refusal = await _ask(target)
            if not run_id and any(refusal == reason for reason in USED_UP):
                return
            if not run_id:
                outcome.others[f"afterwards: {refusal}"] += 1

    await asyncio.gather(*(caller() for _ in range(REST_CALLERS)))


def _show(outcomes: list[Outcome]) -> None:
    header = (
        "limit", "worth", "crashes", "2xx", "broken", "served", "with the rest", "limit's amount", "most used + held",
        "used", "samples", "good",
    )  # fmt: skip
    rows: list[list[object]] = [
        [
            each.meter, WORTH, each.crashes, each.answered, each.broken, each.served, each.served_with_rest,
            each.amount, each.most, each.used, each.samples, "yes" if each.is_good else "NO",
        ]
        for each in outcomes
    ]  # fmt: skip
    report.table(header, rows, title="PostgreSQL crashes under calls that race on a limit")
    for each in outcomes:
        print(f"  {each.meter}, not served: {dict(each.others)}")
