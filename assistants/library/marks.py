"""Where a text has the words that were searched for: a short part of it as HTML, everything escaped, hits in <mark>.

Not `ts_headline`: it leaves out what looks like a tag, and answers in one string in which marks and text are mixed.
"""

import re
from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

BEFORE = 60
LENGTH = 240
LOOKED_AT = 60
WORD = re.compile(r"\w+")


def pattern_of(words: Iterable[str]) -> re.Pattern[str] | None:
    """Finds each of the words, and what begins with it."""
    parts = {part.lower() for word in words for part in WORD.findall(word)}
    if not parts:
        return None
    longest_first = sorted(parts, key=lambda part: (-len(part), part))
    return re.compile(r"(?<!\w)((?:" + "|".join(map(re.escape, longest_first)) + r")\w*)", re.IGNORECASE)


def line(text: str, pattern: re.Pattern[str] | None) -> SafeString:
    """The whole of it, on one line."""
    return _marked(" ".join(text.split()), pattern)


def snippet(text: str, pattern: re.Pattern[str] | None) -> SafeString:
    """The part with the most different hits, with what stands before and after."""
    start = _best_start(text, pattern)
    begin = 0 if start <= BEFORE else text.rfind(" ", 0, start - BEFORE) + 1
    if begin < start - 2 * BEFORE:
        begin = start - BEFORE
    end = min(len(text), begin + LENGTH)
    if end < len(text) and (gap := text.rfind(" ", begin, end)) > start:
        end = gap
    cut = " ".join(text[begin:end].split())
    shown = f"{'… ' if begin else ''}{cut}{' …' if end < len(text) else ''}"
    return _marked(shown, pattern)


def _best_start(text: str, pattern: re.Pattern[str] | None) -> int:
    if pattern is None:
        return 0
    found: list[tuple[int, str]] = []
    for match in pattern.finditer(text):
        found.append((match.start(), match[1].lower()))
        if len(found) == LOOKED_AT:
            break
    if not found:
        return 0

    def different(place: int) -> int:
        return len({word for at, word in found if place <= at < place + LENGTH - BEFORE})

    return max((at for at, _ in found), key=lambda place: (different(place), -place))


def _marked(text: str, pattern: re.Pattern[str] | None) -> SafeString:
    """Splitting by a pattern with one group gives text and hits in turn."""
    parts = [*pattern.split(text), ""] if pattern else [text, ""]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return format_html_join(
        "", "{}{}", ((plain, format_html("<mark>{}</mark>", hit) if hit else "") for plain, hit in pairs)
    )
