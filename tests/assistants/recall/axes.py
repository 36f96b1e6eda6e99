"""A set of statements, and an embedder whose nearness a test can foretell."""

from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q

from assistants.llm.embeddings import Embedded
from assistants.llm.errors import ProviderFailure
from assistants.models import MemoryItem
from assistants.recall import index

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def keep(person_id: UUID, *texts: str) -> list[MemoryItem]:
    rows = [
        MemoryItem(layer="semantic", person_id=person_id, text=each, created_at=NOW, updated_at=NOW)
        for each in texts
    ]
    return MemoryItem.objects.bulk_create(rows)


def found(query: str, where: Q, **options) -> list[str]:
    hits = index.search(kind="memory", query=query, limit=5, where=where, **options)
    by_id = dict(MemoryItem.objects.values_list("id", "text"))
    return [by_id[hit.id] for hit in hits]


class Axes:
    """Each topic has an axis of its own: nearness without shared words."""

    model = "axes"
    topics = (("cat", "pet", "mokka"), ("train", "railway"), ("sea", "ocean"))

    def __init__(self, padding: int = 0) -> None:
        self.padding = padding
        self.calls: list[list[str]] = []
        self.failure: ProviderFailure | None = None

    def embed(self, texts: list[str]) -> Embedded:
        self.calls.append(texts)
        if self.failure:
            raise self.failure
        return Embedded([self.vector(each) for each in texts], 7 * len(texts))

    def vector(self, of: str) -> list[float]:
        low = of.lower()
        near = [1.0 if any(word in low for word in topic) else 0.01 for topic in self.topics]
        return near + [0.0] * self.padding
