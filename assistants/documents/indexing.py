"""Passages in the recall index: what is searched, and what is embedded when an embedder is configured."""

from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import F, Q

from assistants.models import DocumentChunk


def index(ids: list[UUID]) -> None: ...


def forget(ids: list[UUID]) -> None: ...


def find(query: str, where: Q, limit: int) -> list[UUID]:
    """Best first."""
    words = [word for word in "".join(c if c.isalnum() else " " for c in query).split()][:40]
    if not words:
        return []
    asked = SearchQuery(" | ".join(words), config="simple", search_type="raw")
    rows = DocumentChunk.objects.filter(where, search=asked).annotate(rank=SearchRank(F("search"), asked))
    return list(rows.order_by("-rank", "document_id", "number").values_list("id", flat=True)[:limit])
