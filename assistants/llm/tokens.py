"""Counts tokens offline, with the o200k vocabulary that the `bpe-openai` package carries."""

import functools
import json
from collections.abc import Iterable
from typing import Any

from assistants.llm import sizes

# OpenAI's published rule for chat prompts: 3 tokens frame each message, 3 start the answer.
TOKENS_PER_MESSAGE = 3
TOKENS_PER_ANSWER = 3
# The library refuses very long texts; cutting one adds a token per cut at most.
PIECE = 500_000


@functools.cache
def _encoding() -> Any:
    import bpe_openai  # noqa: PLC0415  a second of a start, which most commands need not wait for

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


def of_image(width: int, height: int, model: str) -> int:
    """Tokens of a picture that is sent in full detail, by OpenAI's rules: never fewer than it counts.

    Source: https://platform.openai.com/docs/guides/images-vision, "Calculating costs". By tiles: scaled down into
    2048 × 2048, then to a shorter side of 768; a base, and so many for each tile of 512 × 512. By patches: so many of
    32 × 32 as cover it, at most 1,536, times a factor. A model that is not in the tables is counted by tiles as gpt-4o,
    or by patches of 28 × 28 as Qwen2-VL (https://arxiv.org/abs/2409.12191), whichever is more.
    """
    return sizes.count(width, height, model)


def count_prompt(messages: Iterable[dict[str, Any]], *definitions: Any, model: str = "") -> int:
    """Tokens of a chat prompt: an estimate for models with another vocabulary.

    `definitions`: tools and formats that are sent along. They, and calls of tools, count as their JSON. `model` decides
    what pictures count; one whose size cannot be told counts as the largest.
    """
    total = TOKENS_PER_ANSWER + sum(count(json.dumps(value)) for value in definitions if value)
    for message in messages:
        total += TOKENS_PER_MESSAGE + count(message["role"]) + _count_content(message.get("content"), model)
        total += count(json.dumps(message["tool_calls"])) if message.get("tool_calls") else 0
    return total


def has_images(messages: Iterable[dict[str, Any]]) -> bool:
    return any(isinstance(message.get("content"), list) for message in messages)


def _count_content(content: Any, model: str) -> int:
    if isinstance(content, str):
        return count(content)
    if not isinstance(content, list):
        return 0
    return sum(
        count(part.get("text", "")) if part.get("type") == "text" else sizes.of_part(part, model)
        for part in content
    )
