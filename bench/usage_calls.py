"""Parallel calls of `/v1/`, as clients see them: connected beforehand, sent at one moment."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import psutil

from bench import processes, wire
from bench.target import Target

TOKENS = 20
MOST_OPENED = 8
USED_UP = ("429 insufficient_quota", "quota_exceeded")


@dataclass(frozen=True)
class Call:
    """`max_tokens` None: the caller leaves it to the server, as most do."""

    max_tokens: int | None
    is_stream: bool = False
    tokens: int = TOKENS

    def request(self, key: str) -> bytes:
        text = f"/sim tokens={self.tokens} rate=400 delay_ms=20"
        body: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}
        if self.max_tokens:
            body["max_tokens"] = self.max_tokens
        if self.is_stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return wire.post("/v1/chat/completions", body, wire.bearer(key))


@dataclass
class Calls:
    """How they ended. `short`: the limits that immediate refusals named. `at_s`: when each served one had ended."""

    results: list[str] = field(default_factory=list)
    short: list[dict[str, Any]] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    by_web_process: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def served(self) -> int:
        return self.results.count("served")

    def refused(self) -> Counter[str]:
        return Counter(result for result in self.results if result != "served")


async def one(target: Target, raw: bytes) -> str:
    return _outcome(await wire.ask(target.address, raw), Calls())


async def together(target: Target, raws: Sequence[bytes]) -> Calls:
    """All at once. `results` are in the order of `raws`."""
    connections, shares = await _spread(target, len(raws))
    calls = Calls(by_web_process=shares)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def send(connection: wire.Connection, raw: bytes) -> str:
        try:
            outcome = _outcome(await connection.exchange(raw), calls)
        except OSError as error:
            outcome = type(error).__name__
        finally:
            connection.close()
        if outcome == "served":
            calls.at_s.append(loop.time() - began)
        return outcome

    pairs = zip(connections, raws, strict=True)
    calls.results = list(await asyncio.gather(*(send(connection, raw) for connection, raw in pairs)))
    calls.seconds = loop.time() - began
    return calls


def _outcome(answer: wire.Answer, calls: Calls) -> str:
    if answer.status != 200:
        error = answer.json()["error"]
        calls.short += error.get("limits") or []
        return f"{answer.status} {error.get('code')}"
    if answer.body.startswith(b"data:"):
        return _streamed(answer.body)
    return "served" if answer.json()["choices"] else "empty"


def _streamed(body: bytes) -> str:
    """A stream counts as served when it came to its end and told its usage."""
    lines = [line[6:] for line in body.split(b"\n\n") if line.startswith(b"data: ")]
    if lines[-1] != b"[DONE]":
        return "stream without end"
    return "served" if json.loads(lines[-2]).get("usage") else "stream without usage"


async def _spread(target: Target, count: int) -> tuple[list[wire.Connection], list[int]]:
    """So many open connections, as evenly over the web processes as they can be had, and how many each process has.

    The kernel gives a connection to whichever process asks first: more are opened until each process has its share.
    """
    opened: dict[int, wire.Connection] = {}
    while True:
        for _ in range(count):
            connection = await wire.connect(target.address)
            opened[connection.local_port] = connection
        ports = [found & opened.keys() for found in await asyncio.to_thread(_ports_by_process, target)]
        share = -(-count // len(ports))
        if min(len(found) for found in ports) >= share or len(opened) >= MOST_OPENED * count:
            break
    chosen = [port for row in zip_longest(*map(sorted, ports)) for port in row if port is not None][:count]
    for port in opened.keys() - set(chosen):
        opened.pop(port).close()
    return [opened[port] for port in chosen], [len(found & set(chosen)) for found in ports]


def _ports_by_process(target: Target) -> list[set[int]]:
    """The clients' ports of the connections that each web process has accepted."""
    port = target.address.port
    return [
        {
            entry.raddr.port
            for entry in worker.net_connections("tcp")
            if entry.laddr.port == port and entry.status == psutil.CONN_ESTABLISHED
        }
        for worker in processes.web_workers(target)
    ]
