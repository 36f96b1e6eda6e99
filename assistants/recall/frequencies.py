"""How frequent words are in a column, by PostgreSQL's own statistics: what is in thousands of texts finds nothing."""

import time
from typing import Any

from tenants.connection import connection

FRESH_S = 300
# Workspaces whose statistics a process keeps.
MOST_KNOWN = 128
# A word in more texts than this is left out of a question that has rarer ones: it would cost more than it tells.
COMMON_TEXTS = 2_000

STATISTICS = """
SELECT c.reltuples, s.most_common_elems::text::text[], s.most_common_elem_freqs
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = 'search'
WHERE n.nspname = current_schema() AND c.relname = %s
"""
_known: dict[tuple[str, str], tuple[float, dict[str, float]]] = {}


def of(table: str) -> dict[str, float]:
    """Word → how many texts have it, of the words that ANALYZE found frequent. Read once in FRESH_S."""
    key = (connection.schema_name, table)
    known = _known.get(key)
    if known is not None and time.monotonic() - known[0] < FRESH_S:
        return known[1]
    found = _read(table)
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    _known[key] = (time.monotonic(), found)
    return found


def _read(table: str) -> dict[str, float]:
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS, [table])
        row: Any = cursor.fetchone()
    # Where no word can be too common, none is looked at.
    if not row or not row[1] or row[0] <= COMMON_TEXTS:
        return {}
    # Three more numbers stand at the end of the frequencies: the least, the greatest, and that of empty texts.
    return {word: share * row[0] for word, share in zip(row[1], row[2], strict=False)}


def rare(table: str, stems: dict[str, str]) -> list[str]:
    """Of the terms (term → stem) those that few texts have, or all of them when none is rare."""
    frequent = of(table)
    if not frequent:
        return list(stems)
    texts = {
        term: sum(count for word, count in frequent.items() if word.startswith(stem))
        for term, stem in stems.items()
    }
    return [term for term, count in texts.items() if count < COMMON_TEXTS] or list(stems)
