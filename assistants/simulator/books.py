"""What was served: one record per request, and totals to close the books against."""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Literal

State = Literal["running", "completed", "cut", "aborted", "error"]

KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a request costs at its provider. `output_tokens` includes `reasoning_tokens`."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    audio_ms: int = 0
    characters: int = 0


@dataclass(slots=True, kw_only=True)
class Record:
    """One request. Times are Unix seconds.

    `output_tokens` were produced and would be billed; of them, without those of reasoning, the socket took
    `output_tokens_written`. `text_sha256` is the digest of the produced text: a stored answer can be compared
    with it, without being kept here.
    """

    id: str
    number: int
    client_request_id: str
    kind: str
    model: str = ""
    key: str = ""
    stream: bool = False
    state: State = "running"
    status: int = 0
    fault: str = ""
    error: str = ""
    started_at: float = 0.0
    first_at: float | None = None
    ended_at: float | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    output_tokens_written: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    audio_ms: int = 0
    characters: int = 0
    concurrent_duplicates: int = 0
    text_sha256: str = ""

    def bill(self, usage: Usage) -> None:
        """Books everything but the output tokens, which the delivery counts as they are produced."""
        self.first_at = time.time()
        self.input_tokens = usage.input_tokens
        self.cached_tokens = usage.cached_tokens
        self.reasoning_tokens = usage.reasoning_tokens
        self.output_tokens = usage.reasoning_tokens
        self.images = usage.images
        self.audio_ms = usage.audio_ms
        self.characters = usage.characters


SUMMED = (
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "output_tokens_written",
    "reasoning_tokens",
    "images",
    "audio_ms",
    "characters",
)


@dataclass(slots=True)
class Books:
    records: deque[Record] = field(default_factory=lambda: deque(maxlen=KEPT))
    totals: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    open: int = 0
    _in_flight: Counter[str] = field(default_factory=Counter)
    _fault_hits: Counter[str] = field(default_factory=Counter)
    _last_id: int = 0

    def start(self, kind: str, client_request_id: str) -> Record:
        self._last_id += 1
        record = Record(
            id=f"sim-{self._last_id:08d}",
            number=self._last_id,
            client_request_id=client_request_id,
            kind=kind,
            started_at=time.time(),
        )
        if client_request_id:
            record.concurrent_duplicates = self._in_flight[client_request_id]
            self._in_flight[client_request_id] += 1
        self.open += 1
        self.records.append(record)
        return record

    def end(self, record: Record, state: State, *, text: str = "") -> None:
        """Adds the record to the totals, once; later calls change nothing."""
        if record.ended_at is not None:
            return
        record.state = state
        record.ended_at = time.time()
        record.text_sha256 = hashlib.sha256(text.encode()).hexdigest() if text else ""
        self.open -= 1
        if record.client_request_id:
            self._in_flight[record.client_request_id] -= 1
            if not self._in_flight[record.client_request_id]:
                del self._in_flight[record.client_request_id]
        total = self.totals.setdefault((record.kind, record.model), Counter())
        total["requests"] += 1
        total[state] += 1
        total["concurrent_duplicates"] += record.concurrent_duplicates > 0
        for name in SUMMED:
            total[name] += getattr(record, name)

    def fault_is_due(self, key: str, times: int | None) -> bool:
        """Counts one request under `key`; true for the first `times` of them, for all without a number."""
        if times is None:
            return True
        self._fault_hits[key] += 1
        return self._fault_hits[key] <= times

    def reset(self) -> None:
        """Forgets records, totals and fault counts. What is in flight is booked anew when it ends."""
        self.records.clear()
        self.totals.clear()
        self.since = datetime.now(UTC)
        self._fault_hits.clear()

    def list_records(self, *, key: str = "", client_request_id: str = "") -> Iterator[dict[str, object]]:
        """`key` matches the key of a directive or the client's request id."""
        for record in self.records:
            if key and key not in (record.key, record.client_request_id):
                continue
            if client_request_id and client_request_id != record.client_request_id:
                continue
            yield asdict(record)

    def list_counters(self) -> dict[str, object]:
        names = ("requests", "completed", "cut", "aborted", "error", "concurrent_duplicates", *SUMMED)
        by_model = [
            {"kind": kind, "model": model} | {name: total[name] for name in names}
            for (kind, model), total in sorted(self.totals.items())
        ]
        sums: Counter[str] = Counter()
        for total in self.totals.values():
            sums.update(total)
        totals = {name: sums[name] for name in names}
        return {"since": self.since.isoformat(), "open": self.open, "by_model": by_model, "total": totals}
