"""`/sim key=value …` lines of the last user message: how a test, demo or benchmark steers one answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from assistants.simulator import errors
from assistants.simulator.errors import bad_request

TRANSPORT_FAULTS = ("timeout", "stall", "cut", "badjson", "slowloris", "empty")
CONTENT_FAULTS = ("refusal", "content_filter", "nousage")
FAULTS = (*errors.FAULTS, *TRANSPORT_FAULTS, *CONTENT_FAULTS)
MAX_TOKENS = 200_000
HEREDOC = "text<<"


@dataclass(slots=True, kw_only=True)
class Directives:
    """What one message asked for; `prompt` is the message without its directive lines."""

    prompt: str = ""
    tokens: int | None = None
    delay_ms: float | None = None
    rate: float | None = None
    fault: str = ""
    after: int = 5
    retry_after: str = ""
    times: int | None = None
    key: str = ""
    only: str = ""
    reasoning: int = 0
    cached: int = 0
    drip_ms: float = 200.0
    text: str | None = None
    preface: str = ""
    # Calls as (name, arguments); `later` by the number of the model's call within the turn, from 2 on.
    tools: list[tuple[str, str]] = field(default_factory=list)
    later: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    round: int = 1

    def calls_of(self, number: int) -> list[tuple[str, str]]:
        return self.tools if number == 1 else self.later.get(number, [])


def parse(message: str) -> Directives:
    """Raises ProviderError (400) for an unknown or malformed directive: a typo must not pass unseen."""
    found = Directives()
    kept: list[str] = []
    lines = message.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at].rstrip("\r")
        at += 1
        if line != "/sim" and not line.startswith("/sim "):
            kept.append(lines[at - 1])
            continue
        word = _read_line(found, line[4:].strip())
        if word is not None:
            found.text, at = _heredoc(lines, at, word)
    found.prompt = "\n".join(kept).strip()
    _check(found)
    return found


def _read_line(found: Directives, rest: str) -> str | None:
    """Reads one line's settings; returns the closing word when the line opens a heredoc."""
    while rest:
        if rest.startswith(HEREDOC):
            return rest[len(HEREDOC) :].strip()
        key, equals, rest = rest.partition("=")
        if not equals or " " in key:
            raise bad_request(f"Malformed /sim directive near {key!r}: expected key=value.")
        if key in ("text", "echo"):
            found.text = rest
            return None
        if key == "preface":
            found.preface = rest
            return None
        if key == "args":
            rest = _read_arguments(found, rest)
            continue
        value, _, rest = rest.partition(" ")
        rest = rest.strip()
        _assign(found, key, value)
    return None


def _read_arguments(found: Directives, rest: str) -> str:
    calls = found.calls_of(found.round)
    if not calls:
        raise bad_request("/sim args= must follow tool=.")
    try:
        _, end = json.JSONDecoder().raw_decode(rest)
    except ValueError:
        # Malformed arguments are worth simulating too: models do produce them.
        end = len(rest)
    calls[-1] = (calls[-1][0], rest[:end])
    return rest[end:].strip()


def _heredoc(lines: list[str], at: int, word: str) -> tuple[str, int]:
    """Text up to a line that is `word` (without one, to the end of the message), and the line after it."""
    for end in range(at, len(lines)):
        if word and lines[end].rstrip("\r") == word:
            return "\n".join(lines[at:end]), end + 1
    if word:
        raise bad_request(f"/sim text<<{word} is never closed by a line {word!r}.")
    return "\n".join(lines[at:]), len(lines)


def _assign(found: Directives, key: str, value: str) -> None:
    if key == "tool":
        calls = found.tools if found.round == 1 else found.later.setdefault(found.round, [])
        calls.append((value, "{}"))
        return
    convert = _CONVERT.get(key)
    if convert is None:
        raise bad_request(f"Unknown /sim directive {key!r}.")
    try:
        setattr(found, key, convert(value))
    except ValueError as error:
        raise bad_request(f"/sim {key}={value}: not a valid value.") from error


def _count(value: str) -> int:
    number = int(value)
    if not 0 <= number <= MAX_TOKENS:
        raise ValueError(value)
    return number


def _number_of_call(value: str) -> int:
    number = _count(value)
    if number < 1:
        raise ValueError(value)
    return number


def _duration(value: str) -> float:
    number = float(value)
    if not 0 <= number <= 3_600_000:
        raise ValueError(value)
    return number


def _one_of(*allowed: str) -> Callable[[str], str]:
    def convert(value: str) -> str:
        if value not in allowed:
            raise ValueError(value)
        return value

    return convert


def _check(found: Directives) -> None:
    if found.times is not None and not found.key:
        raise bad_request("/sim times= needs key=, the name under which requests are counted.")
    if found.times is not None and not found.fault:
        raise bad_request("/sim times= needs fault=.")


_CONVERT: dict[str, Callable[[str], object]] = {
    "tokens": _count,
    "after": _count,
    "reasoning": _count,
    "cached": _count,
    "times": _count,
    "round": _number_of_call,
    "delay_ms": _duration,
    "drip_ms": _duration,
    "rate": _duration,
    "retry_after": str,
    "key": str,
    "fault": _one_of(*FAULTS),
    "only": _one_of("stream", "plain"),
}
