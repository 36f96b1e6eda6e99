"""Races of calls on limits: what each limit is set to, and whether the books say that exactly so many were served."""

import asyncio
import os
import signal
import time
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import uvloop

from assistants.runs.estimate import MIN_USEFUL_TOKENS
from bench import holding, processes, report, usage_calls, usage_watch, wire
from bench.target import Target
from bench.usage_calls import USED_UP, Call, Calls
from config.celery import app
from tenants import audit
from usage import ledger
from usage.holds.types import Amount
from usage.limits.services import MONEY_BLOCK_PERCENT, LimitSpec, remove_limit, set_limit
from usage.models import Counter, Hold, Limit

AMPLE = 10**15
SETTLE_S = 20.0
LLM_TASK = "assistants.runs.tasks.execute_run"


@dataclass(frozen=True)
class Race:
    """`worth`: how many real calls the limit pays for, up to its block line. `keys`: how many share it, or, with
    `is_per_key`, how many have such a limit each."""

    name: str
    meter: str
    worth: int
    call: Call
    keys: int = 1
    is_per_key: bool = False

    @property
    def expected(self) -> int:
        return self.worth * (self.keys if self.is_per_key else 1)


CAPPED, PLAIN = Call(20), Call(None)
CAPPED_STREAM, PLAIN_STREAM = Call(20, is_stream=True), Call(None, is_stream=True)
RACES = (
    Race("messages", "messages", 10, CAPPED),
    Race("messages, streamed", "messages", 10, CAPPED_STREAM),
    Race("tokens", "tokens", 10, CAPPED),
    Race("tokens, streamed", "tokens", 10, CAPPED_STREAM),
    Race("tokens, no max_tokens", "tokens", 10, PLAIN),
    Race("cost", "cost_micro", 10, CAPPED),
    Race("cost, streamed", "cost_micro", 10, CAPPED_STREAM),
    Race("budget", "cost_micro", 50, CAPPED),
    Race("budget, no max_tokens", "cost_micro", 50, PLAIN),
    Race("budget, no max_tokens, streamed", "cost_micro", 50, PLAIN_STREAM),
    Race("budget of four keys", "cost_micro", 50, CAPPED, keys=4),
    Race("budget of four keys, no max_tokens", "cost_micro", 50, PLAIN, keys=4),
    Race("budget of four keys, no max_tokens, streamed", "cost_micro", 50, PLAIN_STREAM, keys=4),
    Race("each of four keys: messages", "messages", 10, CAPPED, keys=4, is_per_key=True),
    Race("each of four keys: cost, no max_tokens", "cost_micro", 10, PLAIN, keys=4, is_per_key=True),
)
ONE_PROCESS = (
    "messages", "tokens", "cost", "cost, streamed", "budget, no max_tokens", "budget, no max_tokens, streamed",
    "budget of four keys, no max_tokens",
)  # fmt: skip


@dataclass
class Outcome:
    """`line`: the limit's block line, of several the highest. `early`: how many were refused while one more fitted.

    `faults`: everything that is not as it must be; nothing means exact.
    """

    name: str
    expected: int
    amount: int
    line: int
    served: int = 0
    by_limit: list[int] = field(default_factory=list)
    refused: Tally[str] = field(default_factory=Tally)
    early: int = 0
    most: int = 0
    changes: int = 0
    used: int = 0
    settled: int = 0
    receipts: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    by_web_process: list[int] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        return not self.faults

    def figures(self) -> dict[str, Any]:
        return {**vars(self), "refused": dict(self.refused)}

    def judge(self, worth: int) -> None:
        """Writes down everything that is not as it must be."""
        wrongly = {reason: count for reason, count in self.refused.items() if reason not in USED_UP}
        checks = {
            f"served {self.served}": self.served == self.expected,
            f"by limit {self.by_limit}": all(count == worth for count in self.by_limit),
            f"refused for {wrongly}": not wrongly,
            f"{self.early} refused too early": not self.early,
            f"used and held reached {self.most}": self.most <= self.line,
            f"{self.settled} settled": self.settled == self.served,
            f"{self.receipts} receipts": self.receipts == self.served,
        }
        self.faults += [text for text, is_right in checks.items() if not is_right]


@dataclass(frozen=True)
class Key:
    id: str
    text: str


class Track:
    """Where races take place: the demo's workspace with four keys beside its own."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.workspace_id = UUID(target.workspace()[0])
        self.keys: list[Key] = []

    async def make_keys(self, count: int) -> None:
        headers = wire.bearer(self.target.key)
        for number in range(count):
            raw = wire.post("/api/v1/keys", {"name": f"Race {number}", "scopes": ["chat"]}, headers)
            answer = (await wire.ask(self.target.address, raw)).json()
            self.keys.append(Key(answer["id"], answer["key"]))

    def keys_of(self, race: Race) -> Sequence[Key]:
        return self.keys[: race.keys]

    def set_limits(self, race: Race, amounts: Sequence[int]) -> None:
        """One limit of the workspace, or one of each key; money has its usual block line."""

        for limit in Limit.objects.filter(workspace_id=self.workspace_id, subject_kind="api_key"):
            remove_limit(limit=limit, actor=audit.SYSTEM)
        whole = AMPLE if race.is_per_key else amounts[0]
        holding.give_plan(self.workspace_id, (LimitSpec(race.meter, "total", whole),))
        if race.is_per_key:
            for key, amount in zip(self.keys_of(race), amounts, strict=True):
                spec = LimitSpec(race.meter, "total", amount, subject_kind="api_key", subject_id=key.id)
                set_limit(
                    workspace_id=self.workspace_id, spec=spec, source=Limit.Source.KEY, actor=audit.SYSTEM
                )

    def counters(self, race: Race) -> list[Counter]:
        """Of the limits that race, in the order of the keys."""

        kind = "api_key" if race.is_per_key else "workspace"
        rows = {
            row.subject_id: row
            for row in Counter.objects.filter(
                workspace_id=self.workspace_id, subject_kind=kind, meter=race.meter, window="total"
            )
        }
        return [rows[key.id] for key in self.keys_of(race)] if race.is_per_key else [rows[""]]

    def size_of_call(self, race: Race) -> tuple[int, int]:
        """What a call like the last one uses of the meter, and the least that one could be given."""

        hold = Hold.objects.filter(workspace_id=self.workspace_id, state="settled").latest("resolved_at")
        entry = ledger.entry_of(hold.id)
        assert entry is not None
        tokens = entry.input_tokens + entry.output_tokens
        one = {"messages": 1, "tokens": tokens, "cost_micro": entry.cost_micro}[race.meter]
        cap = min(MIN_USEFUL_TOKENS, race.call.max_tokens or MIN_USEFUL_TOKENS)
        return one, Amount(*hold.request["meters"][race.meter]).at(cap)

    def prepare(self, race: Race) -> tuple[list[int], list[int], int]:
        """Sets the limits. Returns the amounts, the block lines, and the least of a call."""

        one, least = self.size_of_call(race)
        percent = MONEY_BLOCK_PERCENT if race.meter == "cost_micro" else 100
        # The last of them must be able to begin.
        lines = [row.used + (race.worth - 1) * one + max(one, least) for row in self.counters(race)]
        amounts = [-(-line * 100 // percent) for line in lines]
        assert [amount * percent // 100 for amount in amounts] == lines
        self.set_limits(race, amounts)
        return amounts, lines, least


async def run(track: Track, race: Race, callers: int) -> Outcome:
    target = track.target
    keys = track.keys_of(race)
    await asyncio.to_thread(track.set_limits, race, [AMPLE] * len(keys))
    for key in keys:
        assert await usage_calls.one(target, race.call.request(key.text)) == "served"
    amounts, lines, least = await asyncio.to_thread(track.prepare, race)
    before = await asyncio.to_thread(track.counters, race)
    raws = [race.call.request(keys[number % len(keys)].text) for number in range(callers)]
    with target.database() as connection:
        usage_watch.forget(connection)
        since = _now(connection)
        calls = await usage_calls.together(target, raws)
        books = await asyncio.to_thread(
            _closed_books, connection, track.workspace_id, since, race.meter, least
        )
        seen = usage_watch.seen(connection)
    after = await asyncio.to_thread(track.counters, race)
    outcome = _outcome(race, calls, amounts, lines, least)
    outcome.settled, outcome.receipts = books.settled, books.receipts
    outcome.early += books.early
    together = [seen[row.pk].most - line for row, line in zip(after, lines, strict=True)]
    outcome.most, outcome.changes = max(together) + outcome.line, sum(seen[row.pk].changes for row in after)
    outcome.used = sum(row.used for row in after)
    outcome.judge(race.worth)
    moved = outcome.used - sum(row.used for row in before)
    if moved != books.booked or books.entries != books.settled or books.live:
        outcome.faults.append(f"books: {moved} counted, {books}")
    report.progress(
        f"{race.name}: {outcome.served} served, {dict(outcome.refused)}, {outcome.faults or 'exact'}"
    )
    return outcome


def _outcome(race: Race, calls: Calls, amounts: Sequence[int], lines: Sequence[int], least: int) -> Outcome:
    outcome = Outcome(race.name, race.expected, max(amounts), max(lines))
    outcome.served, outcome.refused = calls.served, calls.refused()
    outcome.seconds, outcome.by_web_process = calls.seconds, calls.by_web_process
    if race.is_per_key:
        outcome.by_limit = [calls.results[number :: race.keys].count("served") for number in range(race.keys)]
    outcome.early = sum(limit["used"] + least <= limit["block_at"] for limit in calls.short)
    return outcome


def _now(connection: psycopg.Connection) -> object:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]


def _closed_books(
    connection: psycopg.Connection, workspace_id: UUID, since: object, meter: str, least: int
) -> usage_watch.Books:
    """The books when nothing is under way any more; an answer reaches its caller just after its commit."""
    until = time.monotonic() + SETTLE_S
    while True:
        books = usage_watch.books(
            connection, workspace_id=workspace_id, since=since, meter=meter, least=least
        )
        if not books.live or time.monotonic() > until:
            return books
        time.sleep(0.1)


def run_all(target: Target, callers: int, *, names: Sequence[str] = ()) -> list[Outcome]:
    async def races() -> list[Outcome]:
        track = Track(target)
        await track.make_keys(max(race.keys for race in RACES))
        return [await run(track, race, callers) for race in RACES if not names or race.name in names]

    with usage_watch.watching(target):
        return uvloop.run(races())


def tasks_done() -> dict[str, int]:
    """Runs that each model process took up so far."""

    stats = app.control.inspect(timeout=1.5).stats() or {}
    return {
        name.split("@")[0]: row["total"].get(LLM_TASK, 0)
        for name, row in sorted(stats.items())
        if name.startswith("llm")
    }


def keep_one_process(target: Target) -> None:
    """From now on one web process and one model process serve."""

    master = target.pids()["web"]
    while len(processes.web_workers(target)) > 1:
        os.kill(master, signal.SIGTTOU)
        time.sleep(2)
    nodes = sorted(name for name in app.control.inspect(timeout=1.5).stats() or {} if name.startswith("llm"))
    if nodes[1:]:
        app.control.cancel_consumer("llm", destination=nodes[1:], reply=True)
