"""Forty callers at once on limits that pay for ten, over the whole stack: ten are served, streamed or not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import psycopg
import pytest

from tests.live.books import Books, eventually
from tests.live.callers import KeyCaller, steer

CALLERS, WORTH = 40, 10
AMPLE = 10**12
BLOCK_PERCENT = 95
INSERT = """
INSERT INTO usage_limit (workspace_id, subject_kind, subject_id, meter, "window", amount, warn_percent, block_percent,
                         source, created_at)
VALUES (%s, 'workspace', '', 'cost_micro', 'total', %s, 80, %s, 'staff', now()) RETURNING id
"""
USED = """
SELECT used, held FROM usage_counter
WHERE workspace_id = %s AND subject_kind = 'workspace' AND meter = 'cost_micro' AND "window" = 'total'
"""
LAST_COST = "SELECT cost_micro FROM usage_ledgerentry WHERE workspace_id = %s ORDER BY id DESC LIMIT 1"
LIVE = "SELECT count(*) FROM usage_hold WHERE workspace_id = %s AND state IN ('held', 'waiting')"


class Budget:
    """A limit of money of globex, for the time of a test."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.id = books.scalar(INSERT, [books.workspace_id, AMPLE, BLOCK_PERCENT])

    def used_and_held(self) -> tuple[int, int]:
        with self.books.connect() as connection:
            row = connection.execute(USED, [self.books.workspace_id]).fetchone()
        assert row
        return row

    def set_to(self, calls: int) -> int:
        """So that its block line pays for so many calls like the last one. Returns the line."""
        eventually(lambda: self.books.scalar(LIVE, [self.books.workspace_id]) == 0)
        line = self.used_and_held()[0] + calls * self.books.scalar(LAST_COST, [self.books.workspace_id])
        with self.books.connect() as connection:
            amount = -(-line * 100 // BLOCK_PERCENT)
            connection.execute("UPDATE usage_limit SET amount = %s WHERE id = %s", [amount, self.id])
        return line

    def remove(self) -> None:
        """With the notices of its lines, which are written after the calls that crossed them."""
        eventually(self._is_removed, what="the limit is gone")

    def _is_removed(self) -> bool:
        try:
            with self.books.connect() as connection, connection.transaction():
                connection.execute("DELETE FROM usage_quotanotice WHERE limit_id = %s", [self.id])
                connection.execute("DELETE FROM usage_limit WHERE id = %s", [self.id])
        except psycopg.errors.ForeignKeyViolation:
            return False
        return True


@pytest.fixture
def globex(stack, demo, roomy_globex) -> KeyCaller:
    return KeyCaller(stack.url, demo["globex"]["api_key"])


@pytest.fixture
def budget(stack) -> Iterator[Budget]:
    budget = Budget(Books(stack, "globex"))
    yield budget
    budget.remove()


def call(client: openai.OpenAI, *, is_stream: bool, **more: Any) -> str:
    """How one call ends; a stream is served when it told its usage at its end."""
    asked = [{"role": "user", "content": steer("Count", tokens=20, rate=400, delay_ms=20)}]
    try:
        if not is_stream:
            answer = client.chat.completions.create(model="gpt-4o-mini", messages=asked, **more)
            return "served" if answer.usage.completion_tokens == 20 else "cut short"
        chunks = list(
            client.chat.completions.create(
                model="gpt-4o-mini",
                messages=asked,
                stream=True,
                stream_options={"include_usage": True},
                **more,
            )
        )
    except openai.RateLimitError as error:
        return str(error.code)
    return "served" if chunks[-1].usage.completion_tokens == 20 else "cut short"


def race(callers: list[KeyCaller], **more: Any) -> list[str]:
    """All at once; results in order. The callers take turns with the keys."""
    clients = [caller.openai(max_retries=0) for caller in callers]
    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(lambda number: call(clients[number % len(clients)], **more), range(CALLERS)))


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("cap", [{}, {"max_tokens": 20}])
def test_budget_shared_by_four_keys_serves_exactly_what_it_pays_for(globex, budget, is_stream, cap):
    keys = [globex.make_key()[1] for _ in range(4)]
    assert call(keys[0].openai(), is_stream=is_stream, **cap) == "served"
    line = budget.set_to(WORTH)
    results = race(keys, is_stream=is_stream, **cap)
    assert results.count("served") == WORTH, results
    assert set(results) == {"served", "insufficient_quota"}
    assert budget.used_and_held() == (line, 0)


@pytest.mark.parametrize("is_stream", [False, True])
def test_limit_of_a_key_serves_exactly_so_many_messages(globex, is_stream):
    limits = [{"meter": "messages", "window": "total", "amount": WORTH}]
    callers = [globex.make_key(limits=limits)[1], globex.make_key()[1]]
    results = race(callers, is_stream=is_stream)
    assert results[::2].count("served") == WORTH, results
    assert results[1::2] == ["served"] * (CALLERS // 2), "the other key has no limit"
