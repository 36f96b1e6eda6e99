"""Sending a planned answer at its pace, with the fault it asked for, and booking what was really produced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from assistants.simulator.books import Books, Record, State
from assistants.simulator.connections import Exchange
from assistants.simulator.errors import ProviderError
from assistants.simulator.plans import Plan, Reply, Stream

# How many tokens an unlimited stream writes before it lets others run.
BATCH = 64
DRAIN_CHECK = 0.02
# Faults of the transport; the others change what is said, or answer with a status.
BREAKS = frozenset({"cut", "stall", "badjson", "slowloris"})
GARBAGE = b'data: {"id": "chatcmpl-sim", "choices": [{"delta": {"conte\n\n'
EVENT_STREAM = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds to the first token, and tokens per second after it (0: as fast as the client reads)."""

    delay_ms: float = 150.0
    rate: float = 40.0

    def adapt(self, plan: Plan) -> Pace:
        asked = plan.directives
        delay_ms = 0.0 if plan.hurried else self.delay_ms
        return Pace(
            delay_ms=delay_ms if asked.delay_ms is None else asked.delay_ms,
            rate=self.rate if asked.rate is None else asked.rate,
        )


class Transmission:
    """One answer under way: its single timer, and what happens when the client leaves."""

    def __init__(self, exchange: Exchange, record: Record, books: Books) -> None:
        self._loop = asyncio.get_running_loop()
        self._exchange = exchange
        self._record = record
        self._books = books
        self._timer: asyncio.Handle | None = None
        exchange.delivery = self

    def lost(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._end("aborted")

    def resumed(self) -> None:
        """Only a stream waits for a slow reader."""

    def _end(self, state: State) -> None:
        self._books.end(self._record, state)

    def _headers(self) -> dict[str, str]:
        return {"x-request-id": self._record.id, "x-simulated": "1", "cache-control": "no-cache"}

    def _drip(self, parts: Iterator[bytes], seconds: float) -> None:
        """Writes one part, then the next one later, and finishes after the last."""
        part = next(parts, None)
        if part is None:
            self._end("completed")
            self._exchange.finish()
            return
        self._exchange.write(part)
        self._timer = self._loop.call_later(seconds, self._drip, parts, seconds)


class Silence(Transmission):
    """The connection stays open and nothing ever comes: `fault=timeout`."""


class Refusal(Transmission):
    """An error answer, after the delay that a directive asked for."""

    def __init__(
        self, exchange: Exchange, record: Record, books: Books, error: ProviderError, delay_ms: float = 0.0
    ) -> None:
        super().__init__(exchange, record, books)
        self._error = error
        if delay_ms:
            self._timer = self._loop.call_later(delay_ms / 1000, self._send)
        else:
            self._send()

    def _send(self) -> None:
        error = self._error
        self._record.status = error.status
        self._record.error = error.code or error.type
        self._end("error")
        self._exchange.reply(error.status, "application/json", error.body(), self._headers() | error.headers)


class Whole(Transmission):
    """A body in one piece, sent when the time that its tokens take is over."""

    def __init__(
        self, exchange: Exchange, record: Record, books: Books, plan: Reply, pace: Pace, fault: str
    ) -> None:
        super().__init__(exchange, record, books)
        self._plan = plan
        self._fault = fault
        self._rate = pace.rate
        self._begins = self._loop.time() + pace.delay_ms / 1000
        self._sent = False
        ends = self._begins + (plan.paced_tokens / pace.rate if pace.rate else 0.0)
        self._timer = self._loop.call_at(ends, self._send)

    def lost(self) -> None:
        """Tokens produced so far stay on the bill, though nobody has seen them."""
        elapsed = self._loop.time() - self._begins
        if elapsed >= 0 and not self._sent:
            self._record.bill(self._plan.usage)
            produced = max(self._plan.usage.reasoning_tokens, int(elapsed * self._rate))
            self._record.output_tokens = min(self._plan.usage.output_tokens, produced)
        super().lost()

    def _end(self, state: State) -> None:
        if state == "completed":
            self._record.output_tokens_written = self._record.output_tokens - self._record.reasoning_tokens
        self._books.end(self._record, state, text=self._plan.text if state == "completed" else "")

    def _send(self) -> None:
        plan, record = self._plan, self._record
        self._sent = True
        record.status = 200
        record.bill(plan.usage)
        record.output_tokens = plan.usage.output_tokens
        if self._fault in BREAKS:
            self._break()
            return
        self._end("completed")
        body = b"" if self._fault == "empty" else plan.body
        self._exchange.reply(200, plan.content_type, body, self._headers())

    def _break(self) -> None:
        body = self._plan.body
        half = body[: len(body) // 2]
        if self._fault == "badjson":
            self._end("completed")
            self._exchange.reply(200, self._plan.content_type, half, self._headers())
            return
        head = self._exchange.open(self._plan.content_type, self._headers(), length=len(body))
        if self._fault == "slowloris":
            self._exchange.write(head)
            self._drip((bytes((byte,)) for byte in body), self._plan.directives.drip_ms / 1000)
            return
        self._exchange.write(head + half)
        if self._fault == "cut":
            self._end("cut")
            self._exchange.hang_up()


class Playback(Transmission):
    """A stream, one event per token, on one timer set against the clock, so that the rate does not drift."""

    def __init__(
        self, exchange: Exchange, record: Record, books: Books, plan: Stream, pace: Pace, fault: str
    ) -> None:
        super().__init__(exchange, record, books)
        self._plan = plan
        self._rate = pace.rate
        self._fault = fault if fault in BREAKS else ""
        self._mark = min(plan.directives.after, len(plan.deltas)) if self._fault else len(plan.deltas)
        self._next = 0
        self._begun = 0.0
        self._held = False
        self._drained = True
        self._timer = self._loop.call_later(pace.delay_ms / 1000, self._open)

    def lost(self) -> None:
        self._count_written()
        super().lost()

    def resumed(self) -> None:
        if self._held:
            self._held = False
            self._advance()

    def _end(self, state: State) -> None:
        self._books.end(self._record, state, text="".join(self._plan.texts[: self._next]))

    def _open(self) -> None:
        self._begun = self._loop.time()
        self._record.status = 200
        self._record.bill(self._plan.usage)
        head = self._exchange.open(EVENT_STREAM, self._headers())
        # An empty frame would end the body.
        self._advance(head + self._exchange.frame(self._plan.opening) if self._plan.opening else head)

    def _advance(self, raw: bytes = b"") -> None:
        """Writes what is due. A slow reader holds production back, as no real provider would let it."""
        exchange = self._exchange
        if exchange.paused:
            self._held = True
            return
        self._drained = exchange.unwritten() == 0
        if self._drained:
            self._record.output_tokens_written = self._record.output_tokens - self._record.reasoning_tokens
        first, last = self._next, self._due()
        head, tail, deltas = self._plan.head, self._plan.tail, self._plan.deltas
        exchange.write(
            raw + b"".join([exchange.frame(head + deltas[at] + tail) for at in range(first, last)])
        )
        self._record.output_tokens += sum(self._plan.weights[first:last])
        self._next = last
        if last < self._mark:
            self._schedule()
        else:
            self._at_mark()

    def _due(self) -> int:
        if not self._rate:
            return min(self._next + BATCH, self._mark)
        elapsed = self._loop.time() - self._begun
        return min(max(self._next + 1, int(elapsed * self._rate) + 1), self._mark)

    def _schedule(self) -> None:
        if self._rate:
            self._timer = self._loop.call_at(self._begun + self._next / self._rate, self._advance)
        else:
            self._timer = self._loop.call_soon(self._advance)

    def _at_mark(self) -> None:
        fault, self._fault = self._fault, ""
        match fault:
            case "":
                self._exchange.write(self._closing())
                self._finish()
            case "cut":
                self._count_written()
                self._end("cut")
                self._exchange.hang_up()
            case "badjson":
                self._exchange.write(self._exchange.frame(GARBAGE))
                self._mark = len(self._plan.deltas)
                self._schedule()
            case "slowloris":
                self._drip(self._single_bytes(), self._plan.directives.drip_ms / 1000)
            case "stall":
                pass

    def _closing(self) -> bytes:
        closing = self._plan.closing
        return (self._exchange.frame(closing) if closing else b"") + self._exchange.last_frame()

    def _single_bytes(self) -> Iterator[bytes]:
        """The rest of the stream; a token counts as produced with the last byte of its event."""
        plan = self._plan
        for at in range(self._next, len(plan.deltas)):
            for byte in plan.head + plan.deltas[at] + plan.tail:
                yield self._exchange.frame(bytes((byte,)))
            self._record.output_tokens += plan.weights[at]
            self._next = at + 1
            self._count_written()
        yield self._closing()

    def _finish(self) -> None:
        """Books a completed stream once the socket has taken it."""
        if not self._drained and self._exchange.unwritten():
            self._timer = self._loop.call_later(DRAIN_CHECK, self._finish)
            return
        self._drained = True
        self._count_written()
        self._end("completed")
        self._exchange.finish()

    def _count_written(self) -> None:
        """The last write counts as taken if the one before it was: its own fate is not reported."""
        if self._drained and not self._exchange.paused:
            self._record.output_tokens_written = self._record.output_tokens - self._record.reasoning_tokens
