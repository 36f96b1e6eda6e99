"""Tokens: OpenAI's o200k_base, so that usage reported here is usage that a tokenizer confirms."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import cycle, islice

import bpe_openai

from assistants.simulator import sights

# The tokenizer refuses a million characters in one call.
SLICE = 500_000
FILLER = "these simulated words only fill the answer to the length that was asked for, one token at a time"


@cache
def encoding() -> bpe_openai.Encoding:
    """Takes about half a second the first time; the server loads it before it listens."""
    return bpe_openai.get_encoding("o200k_base")


def encode(text: str) -> list[int]:
    """Special tokens are plain text here: what a user writes must never raise."""
    if len(text) <= SLICE:
        encoded: list[int] = encoding().encode_ordinary(text)
        return encoded
    return [token for at in range(0, len(text), SLICE) for token in encode(text[at : at + SLICE])]


def decode(encoded: Sequence[int]) -> str:
    """Raises KeyError for a token that does not exist."""
    return str(encoding().decode(encoded))


@lru_cache(maxsize=512)
def _count_cached(text: str) -> int:
    return len(encode(text))


def count(text: str) -> int:
    # Instructions and history repeat from turn to turn; very long texts are not worth keeping.
    return _count_cached(text) if len(text) <= 50_000 else len(encode(text))


def pieces(text: str) -> list[str]:
    """One string per token; their concatenation is `text`.

    A character spread over several tokens comes with the last of them, the earlier pieces are empty.
    """
    decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
    return [decode(raw) for raw in encoding().decode_tokens_bytes(encode(text))]


def fit(parts: list[str], length: int) -> list[str]:
    """Exactly `length` pieces: cut, or filled up with words of one token each."""
    missing = length - len(parts)
    if missing <= 0:
        return parts[:length]
    return parts + list(islice(cycle(_filler()), missing))


@cache
def _filler() -> list[str]:
    """Each of them one token, also when they stand together."""
    return pieces(f" {FILLER}")


def count_prompt(messages: Iterable[Mapping[str, object]], tools: object = None, model: str = "") -> int:
    """OpenAI's published rule: 3 per message, its role, content and name (1 more), and 3 to prime the answer.

    The rule is silent on tools: definitions and calls count as their JSON. Images: `sights.count`.
    """
    total = 3
    for message in messages:
        total += 3 + count(str(message["role"])) + _count_content(message.get("content"), model)
        name = message.get("name")
        total += 1 + count(name) if isinstance(name, str) else 0
        calls = message.get("tool_calls")
        total += count(json.dumps(calls)) if calls else 0
    return total + (count(json.dumps(tools)) if tools else 0)


def _count_content(content: object, model: str) -> int:
    if isinstance(content, str):
        return count(content)
    if not isinstance(content, list):
        return 0
    total = 0
    for part in content:
        text = part.get("text") or part.get("refusal")
        total += count(text) if isinstance(text, str) else sights.count(part, model)
    return total
