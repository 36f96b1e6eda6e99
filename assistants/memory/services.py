"""Writes to memory: a statement is kept once, and a newer one about the same thing makes history of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.permissions import Member, Permission, check
from assistants.memory import forgetting, layers, queries, secrets
from assistants.models import (
    Assistant,
    Document,
    Entity,
    MemoryChoice,
    MemoryItem,
    MemoryRefusal,
    Message,
    Relation,
)
from assistants.recall import index, words
from config import errors
from tenants import audit

MAX_TEXT = 1_000
MAX_SLOT = 120
# Two statements with this share of telling words in common say the same thing.
SAME = 0.8


class SecretNotKept(errors.DomainError):
    code = "memory_secret"
    status = 422
    message = "This looks like a password, a key or a card number. Such things are never remembered."


class MemoryForbidden(errors.DomainError):
    code = "memory_forbidden"
    status = 422
    message = "You asked never to remember this. Lift that first, below."


class MemoryTextWrong(errors.DomainError):
    code = "memory_text"
    status = 422
    message = f"Write one statement of 1 to {MAX_TEXT:,} characters."


def remember(
    *,
    member: Member,
    layer: str,
    text: str,
    slot: str = "",
    assistant: Assistant | None = None,
    source_message: Message | None = None,
    source_document: Document | None = None,
    confidence: int = 100,
    happened_at: datetime | None = None,
) -> MemoryItem:
    """Keeps one statement, in a transaction of its own. What is there already is confirmed instead of doubled.

    Raises MemoryTextWrong, SecretNotKept, MemoryForbidden, FeatureNotIncluded, Forbidden (the shared layer is curated).
    """
    text, slot = _checked(member, layer, text), _slot(slot)
    owner = _owner(member, layer, text)
    origin = {
        "source_message": source_message,
        "source_document": source_document,
        "happened_at": happened_at,
    }
    with transaction.atomic():
        forgetting.lock(owner)
        same, older = _compare(owner, layer, assistant, text, slot)
        if same is not None:
            return _confirm(same, confidence)
        item = _create(layer, owner, assistant, text=text, slot=slot, confidence=confidence, **origin)
        _supersede(older, item)
        if owner is None:
            _record(member, "memory.shared", item)
        index.index(kind="memory", ids=[item.id])
    return item


def _owner(member: Member, layer: str, text: str) -> UUID | None:
    """Whose it will be; nobody's in the shared layer. Raises Forbidden, MemoryForbidden."""
    if layer == MemoryItem.Layer.SHARED:
        check(member, Permission.WORKSPACE_MANAGE)
        return None
    _refuse_forbidden(member.user_id, text)
    return member.user_id


def _create(
    layer: str,
    owner: UUID | None,
    assistant: Assistant | None,
    *,
    slot: str,
    source_message: Any = None,
    **fields: Any,
) -> MemoryItem:
    now = timezone.now()
    return MemoryItem.objects.create(
        layer=layer,
        person_id=owner,
        assistant=assistant,
        slot=slot,
        source_message=source_message,
        source_conversation=source_message.conversation if source_message else None,
        created_at=now,
        updated_at=now,
        **fields,
    )


def edit(*, member: Member, item: MemoryItem, text: str) -> MemoryItem:
    """New words for it; the old ones stay as history. Raises as `remember`."""
    _require_own(member, item)
    text = _checked(member, item.layer, text)
    if text == item.text:
        return item
    if item.person_id is not None:
        _refuse_forbidden(item.person_id, text)
    with transaction.atomic():
        forgetting.lock(item.person_id)
        now = timezone.now()
        changed = MemoryItem.objects.create(
            layer=item.layer,
            person_id=item.person_id,
            assistant=item.assistant,
            text=text,
            slot=item.slot,
            source_message=item.source_message,
            source_conversation=item.source_conversation,
            source_document=item.source_document,
            happened_at=item.happened_at,
            pinned_at=item.pinned_at,
            created_at=now,
            updated_at=now,
        )
        _supersede([item], changed)
        if item.person_id is None:
            _record(member, "memory.shared_edited", changed)
        index.index(kind="memory", ids=[changed.id])
    return changed


def change(
    *, member: Member, item: MemoryItem, text: str | None = None, is_pinned: bool | None = None
) -> MemoryItem:
    """`edit` and `pin` together, each only where it is said; returns what is present then."""
    with transaction.atomic():
        if text is not None:
            item = edit(member=member, item=item, text=text)
        if is_pinned is not None:
            pin(member=member, item=item, is_pinned=is_pinned)
    return item


def pin(*, member: Member, item: MemoryItem, is_pinned: bool) -> None:
    _require_own(member, item)
    MemoryItem.objects.filter(id=item.id).update(pinned_at=timezone.now() if is_pinned else None)


def delete(*, member: Member, item: MemoryItem) -> None:
    """With its history: what was deleted can be read nowhere."""
    _require_own(member, item)
    with transaction.atomic():
        ids = [item.id, *(row.id for row in queries.list_history(item))]
        if item.person_id is None:
            _record(member, "memory.shared_deleted", item)
        forgetting.erase(ids)


def forbid(*, member: Member, item: MemoryItem) -> None:
    """Deletes it, and never keeps its like again. Only of what is one's own."""
    if item.person_id != member.user_id:
        raise errors.NotFound()
    with transaction.atomic():
        MemoryRefusal.objects.create(person_id=member.user_id, text=item.text, created_at=timezone.now())
        forgetting.erase([item.id, *(row.id for row in queries.list_history(item))])


def allow_again(*, member: Member, refusal_id: UUID) -> None:
    """Raises NotFound."""
    if not MemoryRefusal.objects.filter(person_id=member.user_id, id=refusal_id).delete()[0]:
        raise errors.NotFound()


def switch(*, member: Member, is_on: bool) -> None:
    MemoryChoice.objects.update_or_create(
        person_id=member.user_id, defaults={"is_on": is_on, "updated_at": timezone.now()}
    )


def relate(*, item: MemoryItem, subject: str, predicate: str, object: str) -> bool:  # noqa: A002  of a triple
    """An edge of the graph that `item` says. Names that differ only in case and marks are one entity."""
    predicate = " ".join(predicate.split())[:80]
    if not predicate or any(secrets.holds_secret(part) for part in (subject, predicate, object)):
        return False
    ends = [_entity(name) for name in (subject, object)]
    if None in ends or ends[0] == ends[1]:
        return False
    _, is_new = Relation.objects.get_or_create(
        subject=ends[0],
        predicate=predicate,
        object=ends[1],
        item=item,
        defaults={"created_at": timezone.now()},
    )
    return is_new


def entities_of(person_id: UUID) -> QuerySet[Entity]:
    """Those that a person's statements alone name. What others name too is theirs as well, and stays."""
    mine = Relation.objects.filter(item__person_id=person_id)
    others = Relation.objects.exclude(item__person_id=person_id)
    named = Q(id__in=mine.values("subject_id")) | Q(id__in=mine.values("object_id"))
    elsewhere = Q(id__in=others.values("subject_id")) | Q(id__in=others.values("object_id"))
    return Entity.objects.filter(named).exclude(elsewhere).order_by("created_at", "id")


def note_use(item_ids: list[UUID]) -> None:
    """They stand in a prompt now."""
    if not item_ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE assistants_memoryitem SET last_used_at = now(), use_count = use_count + 1 WHERE id = ANY(%s)",
            [item_ids],
        )


def _checked(member: Member, layer: str, text: str) -> str:
    text = " ".join(text.replace("\x00", "").split())
    if not text or len(text) > MAX_TEXT or layer not in layers.KEPT:
        raise MemoryTextWrong()
    if secrets.holds_secret(text):
        raise SecretNotKept()
    layers.require(member.workspace_id, layer)
    return text


def _slot(text: str) -> str:
    """A name that holds a secret is none."""
    slot = " ".join(text.replace("\x00", "").split())[:MAX_SLOT].strip().lower()
    return "" if secrets.holds_secret(text) else slot


def _refuse_forbidden(person_id: UUID, text: str) -> None:
    for forbidden in MemoryRefusal.objects.filter(person_id=person_id).values_list("text", flat=True):
        if _alike(forbidden, text) >= SAME or _told(forbidden) <= _told(text):
            raise MemoryForbidden()


def _require_own(member: Member, item: MemoryItem) -> None:
    """The shared layer is its admins'; everything else its person's."""
    if item.person_id is None:
        check(member, Permission.WORKSPACE_MANAGE)
    elif item.person_id != member.user_id:
        raise errors.NotFound()


def _compare(
    owner: UUID | None, layer: str, assistant: Assistant | None, text: str, slot: str
) -> tuple[MemoryItem | None, list[MemoryItem]]:
    """The item that says the same, and those that say something else about the same thing."""
    rows = MemoryItem.objects.filter(queries.PRESENT, person_id=owner, layer=layer, assistant=assistant)
    where = Q(id__in=rows.order_by().values("id"))
    near = index.search(kind="memory", query=text, limit=10, where=where)
    candidates = list(rows.filter(id__in=[hit.id for hit in near]))
    same = next(
        (row for row in candidates if _alike(row.text, text) >= SAME and _same_values(row.text, text)), None
    )
    if same is not None or not slot:
        return same, []
    return None, list(rows.filter(slot=slot))


def _told(text: str) -> set[str]:
    return {words.stem(word) for word in words.telling(text)}


def _alike(one: str, other: str) -> float:
    """The share of telling words that two statements have in common (Jaccard)."""
    left, right = _told(one), _told(other)
    return len(left & right) / max(1, len(left | right))


def overlap(one: str, other: str) -> int:
    """How many telling words two texts share."""
    return len(_told(one) & _told(other))


def _same_values(one: str, other: str) -> bool:
    """Statements that differ in a number differ."""
    return {w for w in words.of(one) if w.isdigit()} == {w for w in words.of(other) if w.isdigit()}


def _confirm(item: MemoryItem, confidence: int) -> MemoryItem:
    item.updated_at = timezone.now()
    item.confidence = max(item.confidence, confidence)
    item.save(update_fields=["updated_at", "confidence"])
    return item


def _supersede(older: list[MemoryItem], newer: MemoryItem) -> None:
    ids = [row.id for row in older]
    MemoryItem.objects.filter(id__in=ids).update(superseded_by=newer, superseded_at=newer.created_at)


def _entity(name: str) -> Entity | None:
    name = " ".join(name.split())[:120].strip(" .,;:!?\"'“”„")
    key = " ".join(words.of(name))[:120]
    if not key:
        return None
    entity, _ = Entity.objects.get_or_create(key=key, defaults={"name": name, "created_at": timezone.now()})
    return entity


def _record(member: Member, action: str, item: MemoryItem) -> None:
    audit.record(action, actor=member.actor, workspace_id=member.workspace_id, target=("memory", item.id))
