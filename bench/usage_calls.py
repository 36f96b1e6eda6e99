"""Parallel calls on a limit, through the web and worker processes, as a client sees them."""

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from bench import report, wire
from bench.target import Target

TOKENS = 20
SAMPLE_S = 0.05
USED_UP = ("429 insufficient_quota", "quota_exceeded")
SUM = """
SELECT COALESCE(max(used), 0), COALESCE(max(used + held), 0) FROM usage_counter WHERE workspace_id = %s AND meter = %s
"""


@dataclass(frozen=True)
class Race:
    """`worth`: how many real calls the limit pays for."""

    name: str
    meter: str
    worth: int
    max_tokens: int | None


@dataclass
class Outcome:
    race: Race
    limit: int
    served: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    most: int = 0
    used: int = 0
    seconds: float = 0.0

    @property
    def is_exact(self) -> bool:
        return self.served == self.race.worth and self.most <= self.limit and not self.wrongly_refused

    @property
    def wrongly_refused(self) -> int:
        return sum(count for reason, count in self.refused.items() if reason not in USED_UP)


class Watch(threading.Thread):
    """Samples what is used and held together."""

    def __init__(self, target: Target, workspace_id: UUID, meter: str) -> None:
        super().__init__(daemon=True)
        self._target, self._arguments = target, (workspace_id, meter)
        self._over = threading.Event()
        self.most = self.used = 0

    def run(self) -> None:
        with self._target.database() as connection:
            while not self._over.wait(SAMPLE_S):
                self._sample(connection)
            self._sample(connection)

    def _sample(self, connection: Any) -> None:
        self.used, together = connection.execute(SUM, self._arguments).fetchone()
        self.most = max(self.most, together)

    def end(self) -> None:
        self._over.set()
        self.join()


def request(target: Target, max_tokens: int | None) -> bytes:
    text = f"/sim tokens={TOKENS} rate=400 delay_ms=20"
    body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
    if max_tokens:
        body["max_tokens"] = max_tokens
    return wire.post("/v1/chat/completions", body, wire.bearer(target.key))


async def call(target: Target, raw: bytes) -> str:
    try:
        answer = await wire.ask(target.address, raw)
    except OSError as error:
        return type(error).__name__
    if answer.status == 200:
        return "served"
    return f"{answer.status} {answer.json()['error'].get('code')}"


async def measure(target: Target, race: Race, *, callers: int, workspace_id: UUID, limit: int) -> Outcome:
    watch = Watch(target, workspace_id, race.meter)
    watch.start()
    loop = asyncio.get_running_loop()
    began = loop.time()
    raw = request(target, race.max_tokens)
    results = Counter(await asyncio.gather(*(call(target, raw) for _ in range(callers))))
    seconds = loop.time() - began
    await asyncio.to_thread(watch.end)
    served = results.pop("served", 0)
    report.progress(f"{race.name}: {served} served, {dict(results)}")
    return Outcome(race, limit, served, results, watch.most, watch.used, seconds)
