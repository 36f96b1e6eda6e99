"""Full text: always there. PostgreSQL finds candidates by its index; here they are ranked by Okapi BM25.

Robertson, Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009. PostgreSQL's own ranking knows no
rarity of words, which decides among short statements.
"""

import math
from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, Q, QuerySet

from assistants.recall import frequencies, words

CANDIDATES = 200
K1, B = 1.2, 0.5


def search(rows: QuerySet[Any], where: Q, question: str, limit: int) -> list[tuple[UUID, float]]:
    """Best first, with BM25's score. One query, of at most CANDIDATES rows, and one for the statistics now and then."""
    terms = words.telling(question)[:64]
    if not terms:
        return []
    rare = frequencies.rare(rows.model._meta.db_table, {term: words.stem(term) for term in terms})
    asked = SearchQuery(words.query(rare), search_type="raw", config="simple")
    found = (
        rows.filter(where, search=asked)
        .annotate(rank=SearchRank(F("search"), asked))
        .order_by("-rank", "-id")
        .values_list("id", "text")[:CANDIDATES]
    )
    return _ranked(terms, list(found))[:limit]


def _ranked(terms: list[str], found: list[tuple[UUID, str]]) -> list[tuple[UUID, float]]:
    """Rarity is counted among the candidates: a word that all of them have tells nothing."""
    counted = [(row_id, *_counts(terms, text)) for row_id, text in found]
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


def _counts(terms: list[str], text: str) -> tuple[Counter[str], int]:
    found = words.of(text)
    counts = Counter(term for term in terms for word in found if words.matches(term, word))
    return counts, max(len(found), 1)
