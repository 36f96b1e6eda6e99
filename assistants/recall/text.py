"""Full text: always there. PostgreSQL finds candidates by its index; here they are ranked by Okapi BM25.

Robertson, Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009. PostgreSQL's own ranking knows no
rarity of words, which decides among short statements.
"""

import math
from collections import Counter
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import Q

from assistants.recall import frequencies, words
from assistants.recall.kinds import Source

# So many of the texts that have one of the words are looked at, the newest; so many of those are ranked.
LOOKED_AT, CANDIDATES = 2_000, 200
K1, B = 1.2, 0.5
# Django has no query of a query that keeps its columns, and a join would fetch each row twice.
RANKED = """
SELECT id, text FROM ({newest}) newest
ORDER BY ts_rank(search, to_tsquery('simple', %s)) DESC, id DESC LIMIT %s
"""


def search(source: Source, where: Q, question: str, limit: int) -> list[tuple[UUID, float]]:
    """Best first, with BM25's score. One query, which brings CANDIDATES rows; one for the statistics now and then."""
    terms = words.telling(question)[:64]
    if not terms:
        return []
    any_of = _asked(frequencies.rarest(source.table, terms))
    newest = source.rows().filter(where, search=any_of).order_by(*source.newest)[:LOOKED_AT]
    inner, params = newest.values("id", "text", "search").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(RANKED.format(newest=inner), [*params, words.query(terms), CANDIDATES])
        found = cursor.fetchall()
    return _ranked(terms, found)[:limit]


def _asked(terms: list[str]) -> SearchQuery:
    return SearchQuery(words.query(terms), search_type="raw", config="simple")


def _ranked(terms: list[str], found: list[tuple[UUID, str]]) -> list[tuple[UUID, float]]:
    """Rarity is counted among the candidates: a word that all of them have tells nothing."""
    matcher = words.Matcher(terms)
    counted = [(row_id, *_counts(matcher, text)) for row_id, text in found]
    if not counted:
        return []
    total = len(counted)
    mean = sum(length for _, _, length in counted) / total
    having = Counter(term for _, counts, _ in counted for term in counts)
    weights = {term: math.log(1 + (total - n + 0.5) / (n + 0.5)) for term, n in having.items()}

    def score(counts: Counter[str], length: int) -> float:
        bound = K1 * (1 - B + B * length / mean)
        return sum(weights[term] * n * (K1 + 1) / (n + bound) for term, n in counts.items())

    scored = [(row_id, score(counts, length), len(counts)) for row_id, counts, length in counted]
    # How much of the question a text answers counts too: the same weight spread over two words beats one.
    ranked = [(row_id, value * (0.5 + 0.5 * n / len(terms))) for row_id, value, n in scored if n]
    return sorted(ranked, key=lambda row: -row[1])


def _counts(matcher: words.Matcher, text: str) -> tuple[Counter[str], int]:
    found = words.of(text)
    return Counter(term for word in found for term in matcher.of(word)), max(len(found), 1)
