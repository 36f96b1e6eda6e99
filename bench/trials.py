"""One kill: runs are started, a process is killed among them, and everything is counted afterwards."""

import asyncio
import random
import time
from dataclasses import dataclass, field, fields

from bench import books, wire
from bench.books import Books
from bench.target import Target
from bench.turns import Asker, Turn
from bench.victims import Victim

WORDS = 20
RATE = 20.0
DELAY_MS = 200
STARTS_WITHIN_S = 2.0
POST_TIMEOUT_S = 30.0
FOLLOW_FOR_S = 90.0
CLOCK_TOLERANCE_S = 0.05
PROMISED_S = 30.0
"""From the kill of any single process to the last final run."""


@dataclass
class Tally:
    """Counts over all trials of one kind; those of WRONGS must stay zero."""

    kind: str
    kills: int = 0
    accepted: int = 0
    in_flight: int = 0
    done: int = 0
    ended_early: int = 0
    unanswered_posts: int = 0
    lost: int = 0
    charged_twice: int = 0
    charged_undelivered: int = 0
    overcharged: int = 0
    text_wrong: int = 0
    viewer_wrong: int = 0
    attempts_overlap: int = 0
    receipts_missing: int = 0
    receipts_double: int = 0
    to_final_s: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not any(getattr(self, name) for name in WRONGS)

    @property
    def longest_s(self) -> float:
        return max(self.to_final_s, default=0.0)

    @property
    def is_as_promised(self) -> bool:
        return self.is_good and self.longest_s <= PROMISED_S

    def add(self, other: "Tally") -> None:
        """What another one of the same kind counted."""
        for part in fields(self):
            if part.name != "kind":
                setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))


WRONGS = (
    "lost", "charged_twice", "charged_undelivered", "overcharged", "text_wrong", "viewer_wrong", "attempts_overlap",
    "receipts_missing", "receipts_double",
)  # fmt: skip


@dataclass
class Case:
    turn: Turn
    expected: str
    starts_after: float


def _cases(chance: random.Random, number: int, count: int) -> list[Case]:
    cases = []
    for at in range(count):
        text = " ".join(f"kill{number:04d}{at:02d}w{word:02d}" for word in range(WORDS))
        question = f"Say it\n/sim rate={RATE:g} delay_ms={DELAY_MS} echo={text}"
        cases.append(Case(Turn(question), text, chance.uniform(0, STARTS_WITHIN_S)))
    return cases


async def perform(victim: Victim, tally: Tally, chance: random.Random, number: int, runs: int) -> None:
    """Leaves a stack that runs again."""
    began_at = time.time()
    cases = _cases(chance, number, runs)
    watching = [asyncio.ensure_future(ask(victim.target, case)) for case in cases]
    # from before the first token of the first run to about the end of the last
    await asyncio.sleep(chance.uniform(0.1, STARTS_WITHIN_S + 6 * WORDS / RATE))
    killed_at = victim.kill(chance)
    tally.kills += 1
    await asyncio.to_thread(victim.recover)
    await asyncio.gather(*watching)
    await conclude(victim.target, tally, cases, began_at, killed_at)


async def ask(target: Target, case: Case) -> None:
    """Posts the question when its time has come, and follows the answer through all breaks."""
    await asyncio.sleep(case.starts_after)
    turn, asker = case.turn, Asker(target.address, target.key)
    try:
        connection = await wire.connect(target.address)
        async with asyncio.timeout(POST_TIMEOUT_S):
            await asker.send(connection, turn)
        connection.close()
    except (OSError, TimeoutError) as error:
        turn.error = f"POST: {str(error) or type(error).__name__}"
    if turn.is_accepted:
        await asker.follow(turn, deadline=time.time() + FOLLOW_FOR_S)


async def conclude(
    target: Target, tally: Tally, cases: list[Case], began_at: float, killed_at: float
) -> None:
    """Waits until nothing holds any more, then judges all runs that began since, those without an answer too."""
    await _wait_for_ends(target, killed_at)
    asked = [case.turn.run_id for case in cases if case.turn.run_id]
    found = await asyncio.to_thread(books.read, target, asked, since=began_at)
    await books.add_provider_records(target, found)
    for case in cases:
        judge(tally, case, found.pop(case.turn.run_id, None), killed_at)
    for entry in found.values():
        judge_unasked(tally, entry)


async def _wait_for_ends(target: Target, killed_at: float) -> None:
    while time.time() < killed_at + FOLLOW_FOR_S:
        if not await asyncio.to_thread(books.count_unfinished, target):
            return
        await asyncio.sleep(0.2)


def judge(tally: Tally, case: Case, entry: Books | None, killed_at: float) -> None:
    turn = case.turn
    if not turn.is_accepted:
        tally.unanswered_posts += 1
        return
    tally.accepted += 1
    if entry is None or not entry.is_final or entry.finished_at is None:
        tally.lost += 1
        tally.notes.append(f"lost: {turn.run_id} {entry.state if entry else 'no row'} {turn.error}")
        return
    if entry.finished_at.timestamp() > killed_at:
        tally.in_flight += entry.created_at.timestamp() < killed_at
        tally.to_final_s.append(entry.finished_at.timestamp() - max(killed_at, entry.created_at.timestamp()))
    tally.done += entry.state == "done"
    tally.ended_early += entry.state != "done"
    _judge_money(tally, entry)
    _judge_text(tally, case, entry)


def judge_unasked(tally: Tally, entry: Books) -> None:
    """A run whose POST got no answer, though it was committed: it ends and is charged as any other."""
    if not entry.is_final:
        tally.lost += 1
        tally.notes.append(f"lost: {entry.run_id} {entry.state}, its POST was not answered")
        return
    _judge_money(tally, entry)


def _judge_money(tally: Tally, entry: Books) -> None:
    tally.charged_twice += entry.settlements > 1
    tally.charged_undelivered += bool(entry.settlements and not entry.text)
    tally.receipts_missing += entry.receipts < min(1, entry.settlements)
    tally.receipts_double += entry.receipts > min(1, entry.settlements)
    produced = sum(record["output_tokens"] for record in entry.attempts)
    if entry.charged_tokens > produced:
        tally.overcharged += 1
        tally.notes.append(
            f"overcharged: {entry.run_id} {entry.charged_tokens} of {produced} tokens produced"
        )
    ordered = sorted(entry.attempts, key=lambda record: record["started_at"])
    for earlier, later in zip(ordered, ordered[1:], strict=False):
        if (earlier["ended_at"] or later["started_at"]) > later["started_at"] + CLOCK_TOLERANCE_S:
            tally.attempts_overlap += 1
            tally.notes.append(f"two attempts at once: {entry.run_id}")


def _judge_text(tally: Tally, case: Case, entry: Books) -> None:
    seen = case.turn.seen
    is_right = entry.text == case.expected if entry.state == "done" else case.expected.startswith(entry.text)
    if not is_right:
        tally.text_wrong += 1
        tally.notes.append(f"text: {entry.run_id} has {entry.text!r}")
    if seen.text != entry.text or seen.state != entry.state:
        tally.viewer_wrong += 1
        tally.notes.append(
            f"viewer: {entry.run_id} saw {seen.state or 'no end'} with {len(seen.text)} of {len(entry.text)} "
            f"characters; {case.turn.error}"
        )
