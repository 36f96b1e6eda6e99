"""How frequent words are in a column, by PostgreSQL's own statistics: what is in thousands of texts finds nothing."""

import time
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from assistants.recall import words
from tenants.connection import connection

FRESH_S = 300
# Workspaces whose statistics a process keeps.
MOST_KNOWN = 128
# The words that are looked up stand in no more texts than this together: each costs, and a common word tells little.
COMMON_TEXTS = 2_000
LAST = "\U0010ffff"

STATISTICS = """
SELECT c.reltuples, s.most_common_elems::text::text[], s.most_common_elem_freqs
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = 'search'
WHERE n.nspname = current_schema() AND c.relname = %s
"""


@dataclass(frozen=True)
class Frequencies:
    """Of the words that ANALYZE found frequent, by alphabet. `unknown`: what one that it did not find is taken for."""

    words: list[str]
    texts: list[float]
    unknown: float

    def of(self, term: str) -> float:
        """How many texts answer a term, by the same rule as `words.query`."""
        is_whole = len(term) < words.SHORTEST_STEM
        stem = term if is_whole else words.stem(term)
        begins = bisect_left(self.words, stem)
        ends = bisect_left(self.words, f"{stem}{' ' if is_whole else LAST}")
        return sum(self.texts[begins:ends]) or self.unknown


_known: dict[tuple[str, str], tuple[float, Frequencies | None]] = {}


def of(table: str) -> Frequencies | None:
    """None where no word can be too common. Read once in FRESH_S."""
    key = (connection.schema_name, table)
    known = _known.get(key)
    if known is not None and time.monotonic() - known[0] < FRESH_S:
        return known[1]
    found = _read(table)
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[key] = (time.monotonic(), found)
    return found


def _read(table: str) -> Frequencies | None:
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS, [table])
        row: Any = cursor.fetchone()
    if not row or not row[1] or row[0] <= COMMON_TEXTS:
        return None
    # Three more numbers stand at the end of the frequencies: the least, the greatest, and that of empty texts.
    counted = sorted((word, share * row[0]) for word, share in zip(row[1], row[2], strict=False))
    least = min(texts for _, texts in counted)
    return Frequencies([word for word, _ in counted], [texts for _, texts in counted], least / 2)


def rarest(table: str, terms: Iterable[str]) -> list[str]:
    """As many of the terms, the rarest first, as stand in COMMON_TEXTS texts together; at least one."""
    found = list(terms)
    frequencies = of(table)
    if frequencies is None:
        return found
    chosen: list[str] = []
    total = 0.0
    for texts, term in sorted((frequencies.of(term), term) for term in found):
        total += texts
        if chosen and total > COMMON_TEXTS:
            break
        chosen.append(term)
    return chosen
