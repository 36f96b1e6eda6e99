"""Reads of memory. What a person keeps is theirs alone, whatever anybody's role."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, F, Q, QuerySet

from accounts.permissions import Member
from assistants.memory import layers
from assistants.models import (
    Assistant,
    Conversation,
    Entity,
    MemoryChoice,
    MemoryItem,
    MemoryRefusal,
    ProjectMember,
    Relation,
)
from assistants.recall import embedding, index, words
from config import errors

PRESENT = Q(superseded_at=None)
PINNED_FIRST = (F("pinned_at").desc(nulls_last=True), "-updated_at", "-id")
MENTIONED, NEIGHBOURS = 12, 24


def seen_by(person_id: UUID) -> Q:
    """SECURITY: the one rule of whose items may be found: a person's own, and the shared layer."""
    return Q(person_id=person_id) | Q(layer=MemoryItem.Layer.SHARED)


def list_items(member: Member, layer: str) -> QuerySet[MemoryItem]:
    """Present ones, pinned first, newest first."""
    rows = MemoryItem.objects.filter(seen_by(member.user_id), PRESENT, layer=layer)
    return rows.order_by(*PINNED_FIRST).select_related(
        "source_message", "source_conversation", "source_document", "assistant"
    )


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to, each only where it is said. `is_history`: what was superseded, instead."""

    layer: str = ""
    assistant_id: UUID | None = None
    is_pinned: bool | None = None
    is_history: bool = False


def list_wanted(member: Member, wanted: Wanted) -> QuerySet[MemoryItem]:
    """Of what the member may see, in no order."""
    rows = MemoryItem.objects.filter(seen_by(member.user_id), superseded_at__isnull=not wanted.is_history)
    if wanted.layer:
        rows = rows.filter(layer=wanted.layer)
    if wanted.assistant_id:
        rows = rows.filter(assistant_id=wanted.assistant_id)
    if wanted.is_pinned is not None:
        rows = rows.filter(pinned_at__isnull=not wanted.is_pinned)
    return rows.select_related("source_conversation").defer("search")


def find(rows: QuerySet[MemoryItem], text: str, *, limit: int) -> list[MemoryItem]:
    """Of these rows those that say it, best first, by words alone. Two queries."""
    where = Q(id__in=rows.order_by().values("id"))
    hits = index.search(kind="memory", query=text, limit=limit, where=where)
    found = {row.id: row for row in rows.filter(id__in=[hit.id for hit in hits])}
    return [found[hit.id] for hit in hits if hit.id in found]


def visible_entities(person_id: UUID) -> QuerySet[Entity]:
    """SECURITY: a name is seen by who sees an edge of it."""
    seen = visible_relations(person_id)
    return Entity.objects.filter(Q(id__in=seen.values("subject_id")) | Q(id__in=seen.values("object_id")))


def access_item(member: Member, item_id: UUID) -> MemoryItem:
    """Raises NotFound."""
    item = (
        MemoryItem.objects.filter(seen_by(member.user_id), id=item_id)
        .select_related("source_message", "source_conversation", "source_document", "assistant")
        .first()
    )
    if item is None:
        raise errors.NotFound()
    return item


def list_history(item: MemoryItem) -> list[MemoryItem]:
    """What it superseded, newest first. At most fifty steps."""
    found: list[MemoryItem] = []
    ids = [item.id]
    while ids and len(found) < 50:
        rows = list(MemoryItem.objects.filter(superseded_by_id__in=ids).order_by("-superseded_at", "-id"))
        found += rows
        ids = [row.id for row in rows]
    return found


def list_refusals(member: Member) -> QuerySet[MemoryRefusal]:
    return MemoryRefusal.objects.filter(person_id=member.user_id).order_by("-created_at", "-id")


def counts(member: Member) -> dict[str, int]:
    """Layer → present items. One query."""
    rows = MemoryItem.objects.filter(seen_by(member.user_id), PRESENT).values_list("layer", flat=True)
    found: dict[str, int] = {}
    for layer in rows:
        found[layer] = found.get(layer, 0) + 1
    return found


def is_switched_on(person_id: UUID) -> bool:
    """The person's own switch. One query."""
    return not MemoryChoice.objects.filter(person_id=person_id, is_on=False).exists()


def is_on(*, person_id: UUID, assistant: Assistant | None, conversation: Conversation | None) -> bool:
    """Every switch together. One query at most."""
    return is_allowed(assistant, conversation) and is_switched_on(person_id)


def others_read(conversation: Conversation | None) -> bool:
    """Whether more people than one may read it. What is remembered of a person is then neither used nor noted in it:
    an answer would tell it to the others. One query, none outside projects."""
    if conversation is None or conversation.project_id is None:
        return False
    return ProjectMember.objects.filter(project_id=conversation.project_id).exists()


def is_allowed(assistant: Assistant | None, conversation: Conversation | None) -> bool:
    """The switches of an assistant and a conversation. Asks no database."""
    is_off = assistant is not None and not assistant.uses_memory
    if conversation is not None:
        is_off = is_off or conversation.is_temporary or not conversation.uses_memory
    return not is_off


def may_recall(person_id: UUID) -> bool:
    """Whether the person's switch is on and there is something to recall. One query."""
    is_off = MemoryChoice.objects.filter(person_id=person_id, is_on=False)
    return MemoryItem.objects.filter(seen_by(person_id), PRESENT).exclude(Exists(is_off)).exists()


def recall(
    *,
    person_id: UUID,
    assistant: Assistant | None,
    query: str,
    layers: Collection[str],
    limit: int,
    payer: Member | None = None,
) -> list[MemoryItem]:
    """Present items of these layers for a question, best first. `payer`: whose limits a vector of it counts against;
    without one full text alone is asked. Pinned items come first whenever they match."""
    mine = Q(assistant=None) | Q(assistant=assistant) if assistant is not None else Q(assistant=None)
    where = seen_by(person_id) & PRESENT & Q(layer__in=list(layers)) & mine
    vector = embedding.embed_query(member=payer, text=query, kind="memory") if payer else None
    used = embedding.embedder()
    hits = index.search(
        kind="memory", query=query, limit=limit, where=where, vector=vector, model=used.model if used else ""
    )
    rows = MemoryItem.objects.in_bulk([hit.id for hit in hits])
    return [rows[hit.id] for hit in hits if hit.id in rows]


def preferences(person_id: UUID) -> list[MemoryItem]:
    """All of them, pinned first, newest first. One query."""
    rows = MemoryItem.objects.filter(PRESENT, person_id=person_id, layer=MemoryItem.Layer.PREFERENCE)
    return list(rows.order_by(*PINNED_FIRST)[:50])


@dataclass(frozen=True)
class Edge:
    subject: Entity
    predicate: str
    object: Entity
    item: MemoryItem


def visible_relations(person_id: UUID) -> QuerySet[Relation]:
    """SECURITY: an edge is seen by who may see the item that says it."""
    seen = MemoryItem.objects.filter(seen_by(person_id), PRESENT)
    return Relation.objects.filter(item__in=seen).select_related("subject", "object", "item")


def neighbours(*, person_id: UUID, text: str) -> list[Edge]:
    """Edges around what a text mentions by name, one step from it and one more. Three queries.

    An entity is mentioned when all telling words of its name stand in the text.
    """
    said = set(words.of(text))
    named = [entity for entity in _mentioned(said) if _is_named(entity, said)]
    first = _edges_of(person_id, {entity.id for entity in named})
    reached = {entity_id for row in first for entity_id in (row.subject_id, row.object_id)}
    second = _edges_of(person_id, reached - {entity.id for entity in named})
    return _unique([Edge(row.subject, row.predicate, row.object, row.item) for row in [*first, *second]])[
        :NEIGHBOURS
    ]


def _mentioned(said: Iterable[str]) -> list[Entity]:
    names = Q()
    for word in [word for word in said if word not in words.COMMON][:MENTIONED]:
        names |= (
            Q(key=word)
            | Q(key__startswith=f"{word} ")
            | Q(key__endswith=f" {word}")
            | Q(key__contains=f" {word} ")
        )
    return list(Entity.objects.filter(names)[: MENTIONED * 4]) if names else []


def _edges_of(person_id: UUID, entity_ids: set[UUID]) -> list[Relation]:
    if not entity_ids:
        return []
    around = Q(subject_id__in=entity_ids) | Q(object_id__in=entity_ids)
    return list(visible_relations(person_id).filter(around).order_by("-created_at", "-id")[:NEIGHBOURS])


def _is_named(entity: Entity, said: set[str]) -> bool:
    return all(word in said for word in words.telling(entity.name))


def _unique(edges: list[Edge]) -> list[Edge]:
    seen: dict[tuple[UUID, str, UUID], Edge] = {}
    for edge in edges:
        seen.setdefault((edge.subject.id, edge.predicate.lower(), edge.object.id), edge)
    return list(seen.values())


def plan_allows(member: Member) -> frozenset[str]:
    return layers.allowed(member.workspace_id)
