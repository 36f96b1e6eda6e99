"""The words of a text that can tell it from others.

No dictionary of one language: a word counts by how rare it is, and matches by its beginning, so that "lessons" finds
"lesson". Words that every sentence has are left out where a question has others.
"""

import re
from collections import defaultdict
from pathlib import Path

WORD = re.compile(r"\w+")
SHORTEST_STEM = 4
LONGEST_ENDING = 5
# Longest first. Of English, German and the Romance languages.
ENDINGS = (
    "ungen",
    "ings",
    "ción",
    "ung",
    "ing",
    "ern",
    "ies",
    "ed",
    "er",
    "en",
    "em",
    "es",
    "ly",
    "s",
    "e",
    "n",
    "y",
)
# English, German, French, Spanish and Portuguese words of grammar, as they stand in questions.
COMMON = frozenset(Path(__file__).with_name("common_words.txt").read_text().split())


def of(text: str) -> list[str]:
    return [word for word in WORD.findall(text.lower()) if len(word) > 1 or word.isdigit()]


def telling(text: str) -> list[str]:
    """In their order, each once. All of them where none is telling."""
    found = list(dict.fromkeys(of(text)))
    return [word for word in found if word not in COMMON] or found


def stem(word: str) -> str:
    """The beginning by which it matches: without one ending. Short words and numbers match as they are."""
    if any(char.isdigit() for char in word):
        return word
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            return word[: -len(ending)]
    return word


def matches(term: str, word: str) -> bool:
    """Whether a word of a text answers a term of a question: the same, or the same but for an ending."""
    if len(term) < SHORTEST_STEM or any(char.isdigit() for char in term):
        return word == term
    return word.startswith(stem(term)) and len(word) - len(stem(term)) <= LONGEST_ENDING


class Matcher:
    """Which of the terms a word answers, as `matches` says: each is looked at once, beside terms that begin alike."""

    def __init__(self, terms: list[str]) -> None:
        self._alike: dict[str, list[str]] = defaultdict(list)
        for term in terms:
            self._alike[stem(term)[:SHORTEST_STEM]].append(term)
        self._known: dict[str, list[str]] = {}

    def of(self, word: str) -> list[str]:
        known = self._known.get(word)
        if known is None:
            alike = self._alike.get(word[:SHORTEST_STEM], ())
            known = self._known[word] = [term for term in alike if matches(term, word)]
        return known


def query(terms: list[str]) -> str:
    """Any of them, for `to_tsquery('simple', …)`. Terms hold word characters alone, so nothing needs quoting."""
    return " | ".join(f"'{stem(term)}':*" if len(term) >= SHORTEST_STEM else f"'{term}'" for term in terms)
