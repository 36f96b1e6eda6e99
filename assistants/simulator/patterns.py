"""A string that matches a regular expression, for schemas with `pattern`."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any

# Each class, and a character of it.
CATEGORIES = {
    "CATEGORY_DIGIT": (r"\d", "1"),
    "CATEGORY_NOT_DIGIT": (r"\D", "a"),
    "CATEGORY_WORD": (r"\w", "a"),
    "CATEGORY_NOT_WORD": (r"\W", "-"),
    "CATEGORY_SPACE": (r"\s", " "),
    "CATEGORY_NOT_SPACE": (r"\S", "a"),
}
CANDIDATES = "a1-A_ .:"
LONGEST = 1_000
MOST_SPARE = 200


def make_match(pattern: str, least: int = 0, most: int | None = None) -> str | None:
    """None when the pattern is invalid, or more than this can satisfy (look-around, back references)."""
    try:
        compiled = re.compile(pattern)
        # The parser that `re` itself uses; it has no public name since `sre_parse` was deprecated.
        parsed = importlib.import_module("re._parser").parse(pattern)
    except re.error:
        return None
    for spare in range(min(max(least, 1), MOST_SPARE) + 1):
        text = _sequence(parsed, spare).ljust(least, "a")
        if compiled.search(text) and len(text) >= least and (most is None or len(text) <= most):
            return text
    return None


def _sequence(nodes: Iterable[Any], spare: int) -> str:
    return "".join(_node(str(kind), value, spare) for kind, value in nodes)


def _node(kind: str, value: Any, spare: int) -> str:
    """`spare` is how often an unbounded repetition goes beyond its minimum."""
    match kind:
        case "LITERAL" | "NOT_LITERAL" | "ANY":
            made = _character(kind, value)
        case "IN":
            made = _member(value)
        case "BRANCH":
            made = _sequence(value[1][0], spare)
        case "SUBPATTERN":
            made = _sequence(value[3], spare)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            low, high, inner = value
            made = _sequence(inner, spare) * min(low + spare, int(high), LONGEST)
        case _:
            made = ""
    return made


def _character(kind: str, value: Any) -> str:
    if kind == "LITERAL":
        return chr(value)
    return next(each for each in CANDIDATES if kind == "ANY" or ord(each) != value)


def _member(choices: list[tuple[Any, Any]]) -> str:
    """A character of a set: of its first part, or an ordinary one that a negated set does not name."""
    kind, value = str(choices[0][0]), choices[0][1]
    if kind == "NEGATE":
        free = (each for each in CANDIDATES if not any(_names(each, str(k), v) for k, v in choices[1:]))
        return next(free, CANDIDATES[0])
    if kind == "CATEGORY":
        return CATEGORIES[str(value)][1]
    return chr(value[0] if kind == "RANGE" else value)


def _names(character: str, kind: str, value: Any) -> bool:
    if kind == "CATEGORY":
        return re.match(CATEGORIES[str(value)][0], character) is not None
    low, high = value if kind == "RANGE" else (value, value)
    return bool(low <= ord(character) <= high)
