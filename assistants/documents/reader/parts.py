"""What readers of formats yield, and what they may refuse."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_CHARACTERS = 3_000_000
MAX_HEADING = 300
ARROW = " › "
# Characters that nobody sees: they hide text from people, turn its direction, or split words for a search.
UNSEEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
Progress = Callable[[int], None]
"""Told per cent."""


class Refused(Exception):
    """`code`: one of `assistants.documents.words.FAILURES`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Part:
    """A paragraph, a row, a line of code. `page`: from 1, 0 where there are none. `heading`: the way to it."""

    text: str
    page: int = 0
    heading: str = ""


@dataclass
class Document:
    pages: int
    parts: Iterator[Part]


class Headings:
    """The way to where a reader is: a heading ends those of its level and below."""

    def __init__(self) -> None:
        self._way: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> None:
        self._way = [(above, name) for above, name in self._way if above < level]
        if title:
            self._way.append((level, title))

    @property
    def text(self) -> str:
        return ARROW.join(name for _, name in self._way)[:MAX_HEADING]


def clean(text: str) -> str:
    """Without what nobody sees; every kind of blank is a blank; no blank lines at the ends."""
    text = UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = unicodedata.normalize("NFC", text)
    lines = (re.sub(r"[^\S\n\t]", " ", line).rstrip() for line in text.split("\n"))
    return "\n".join(lines).strip("\n")


def one_line(text: str) -> str:
    return " ".join(clean(text).split())
