"""How frequent words are in a column, by PostgreSQL's own statistics: what is in every fourth text finds nothing."""

import time
from typing import Any

from tenants.connection import connection

FRESH_S = 300
# A word in more texts than this is left out of a question that has rarer ones.
COMMON_SHARE = 0.02

STATISTICS = """
SELECT most_common_elems::text::text[], most_common_elem_freqs FROM pg_stats
WHERE schemaname = current_schema() AND tablename = %s AND attname = 'search'
"""
_known: dict[tuple[str, str], tuple[float, dict[str, float]]] = {}


def of(table: str) -> dict[str, float]:
    """Word → share of the texts that have it, of the words that ANALYZE found frequent. Read once in FRESH_S."""
    key = (connection.schema_name, table)
    known = _known.get(key)
    if known is not None and time.monotonic() - known[0] < FRESH_S:
        return known[1]
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS, [table])
        row: Any = cursor.fetchone()
    # Three more numbers stand at the end of the frequencies: the least, the greatest, and that of empty texts.
    found = dict(zip(row[0], row[1], strict=False)) if row and row[0] else {}
    _known[key] = (time.monotonic(), found)
    return found


def rare(table: str, stems: dict[str, str]) -> list[str]:
    """Of the terms (term → stem) those that few texts have, or all of them when none is rare."""
    frequent = of(table)
    if not frequent:
        return list(stems)
    shares = {
        term: sum(share for word, share in frequent.items() if word.startswith(stem))
        for term, stem in stems.items()
    }
    return [term for term, share in shares.items() if share < COMMON_SHARE] or list(stems)
