"""Passages: as much as fits of what stands under one heading on one page."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from assistants.documents.reader.parts import MAX_CHARACTERS, Part, Refused
from assistants.llm import tokens

MAX_TOKENS = 240
"""What the smallest embedding model takes in at once, with room for its own way of counting."""
MAX_CHUNKS = 20_000
LONG = 20_000
SENTENCE = re.compile(r"(?<=[.!?;:。！？])\s+|\n+")


@dataclass(frozen=True)
class Chunk:
    page: int
    heading: str
    text: str
    tokens: int


def chunks_of(parts: Iterable[Part]) -> Iterator[Chunk]:
    """Raises Refused when there is too much."""
    characters = made = 0
    for (page, heading), group in groupby(parts, key=lambda part: (part.page, part.heading)):
        for text, size in _packed(part.text for part in group):
            characters, made = characters + len(text), made + 1
            if characters > MAX_CHARACTERS or made > MAX_CHUNKS:
                raise Refused("too_much_text")
            yield Chunk(page, heading, text, size)


def _packed(paragraphs: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Whole paragraphs while they fit; only one that is too long by itself is cut, between sentences if it has any."""
    held: list[str] = []
    size = 0
    for piece in _pieces(paragraphs):
        more = tokens.count(piece) + 1
        if held and size + more > MAX_TOKENS:
            yield _joined(held)
            held, size = [], 0
        held.append(piece)
        size += more
    if held:
        yield _joined(held)


def _joined(pieces: list[str]) -> tuple[str, int]:
    text = "\n".join(pieces)
    return text, tokens.count(text)


def _pieces(paragraphs: Iterable[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        if _fits(paragraph):
            yield paragraph
        else:
            for sentence in SENTENCE.split(paragraph):
                yield from _words(sentence)


def _fits(text: str) -> bool:
    """Nothing of this length is counted: the vocabulary's library refuses very long texts."""
    return len(text) <= LONG and tokens.count(text) < MAX_TOKENS


def _words(text: str) -> Iterator[str]:
    """At blanks, and where there are none, anywhere: halves until they fit."""
    if not text.strip():
        return
    if _fits(text):
        yield text
        return
    middle = len(text) // 2
    at = text.rfind(" ", middle // 2, middle) + 1 or middle
    yield from _words(text[:at].rstrip())
    yield from _words(text[at:].lstrip())
