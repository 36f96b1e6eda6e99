"""Counts tokens offline, with the o200k vocabulary that the `bpe-openai` package carries."""

import functools
import json
from collections.abc import Iterable
from typing import Any

import bpe_openai

# OpenAI's published rule for chat prompts: 3 tokens frame each message, 3 start the answer.
TOKENS_PER_MESSAGE = 3
TOKENS_PER_ANSWER = 3
TOKENS_PER_IMAGE = 1105
# The library refuses very long texts; cutting one adds a token per cut at most.
PIECE = 500_000


@functools.cache
def _encoding() -> Any:
    return bpe_openai.get_encoding("o200k_base")


def warm_up() -> None:
    """Loads the vocabulary (half a second), so that no person waits for it."""
    _encoding().encode_ordinary("ready")


def count(text: str) -> int:
    pieces = (text[at : at + PIECE] for at in range(0, len(text), PIECE))
    return sum(len(_encoding().encode_ordinary(piece)) for piece in pieces)


def cut(text: str, most: int) -> str:
    """The beginning of a text that takes at most so many tokens."""
    text = text[: most * 12]
    while count(text) > most:
        text = text[: int(len(text) * 0.9)]
    return text


def count_prompt(messages: Iterable[dict[str, Any]], *definitions: Any) -> int:
    """Tokens of a chat prompt: an estimate for models with another vocabulary.

    `definitions`: tools and formats that are sent along. They, and calls of tools, count as their JSON.
    """
    total = TOKENS_PER_ANSWER + sum(count(json.dumps(value)) for value in definitions if value)
    for message in messages:
        total += TOKENS_PER_MESSAGE + count(message["role"]) + _count_content(message.get("content"))
        total += count(json.dumps(message["tool_calls"])) if message.get("tool_calls") else 0
    return total


def _count_content(content: Any) -> int:
    if isinstance(content, str):
        return count(content)
    if not isinstance(content, list):
        return 0
    return sum(
        count(part.get("text", "")) if part.get("type") == "text" else TOKENS_PER_IMAGE for part in content
    )
