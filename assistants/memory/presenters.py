"""Memory as its pages show it, in a constant number of queries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.memory import keyfacts, layers, queries
from assistants.models import MemoryItem

SHOWN = 200


@dataclass(frozen=True)
class ItemView:
    id: UUID
    text: str
    layer: str
    url: str
    slot: str
    source_url: str
    source_label: str
    assistant: str
    confidence: int
    is_pinned: bool
    created_at: datetime
    last_used_at: datetime | None
    use_count: int


def home(request: MemberRequest, name: str) -> dict[str, Any]:
    member, counts = request.member, queries.counts(request.member)
    allowed = queries.plan_allows(member)
    rows = list(queries.list_items(member, name)[: SHOWN + 1]) if layers.BY_NAME[name].is_kept else []
    return {
        "layer": layers.BY_NAME[name],
        "layers": [
            {
                "layer": layer,
                "count": counts.get(layer.name, 0) if layer.is_kept else None,
                "url": f"{page_url(request, 'memory')}?layer={layer.name}",
                "is_current": layer.name == name,
                "is_included": layer.name in allowed,
            }
            for layer in layers.LAYERS
        ],
        "items": [present(request, row) for row in rows[:SHOWN]],
        "has_more": len(rows) > SHOWN,
        "is_reading": name == "shared" and keyfacts.is_reading(timezone.now()),
        "self_url": f"{page_url(request, 'memory')}?layer={name}",
        "is_on": queries.is_switched_on(member.user_id),
        "is_included": name in allowed,
        "can_add": name in allowed and (member.can_manage_workspace if name == "shared" else True),
        "refusals": list(queries.list_refusals(member)[:SHOWN]),
        "today": timezone.localdate(),
    }


def detail(request: MemberRequest, item: MemoryItem) -> dict[str, Any]:
    is_own = item.person_id == request.member.user_id
    return {
        "item": present(request, item),
        "layer": layers.BY_NAME[item.layer],
        "text": item.text,
        "history": queries.list_history(item),
        "is_history": item.superseded_at is not None,
        "edges": list(queries.visible_relations(request.member.user_id).filter(item=item)),
        "can_change": item.superseded_at is None and (is_own or request.member.can_manage_workspace),
        "is_own": is_own,
        "refusal": None,
    }


def present(request: MemberRequest, item: MemoryItem) -> ItemView:
    url, label = _source(request, item)
    return ItemView(
        id=item.id,
        text=item.text,
        layer=item.layer,
        url=page_url(request, "memory-item", item_id=item.id),
        slot=item.slot,
        source_url=url,
        source_label=label,
        assistant=item.assistant.name if item.assistant else "",
        confidence=item.confidence,
        is_pinned=item.pinned_at is not None,
        created_at=item.created_at,
        last_used_at=item.last_used_at,
        use_count=item.use_count,
    )


def _source(request: MemberRequest, item: MemoryItem) -> tuple[str, str]:
    """Where it came from. A conversation is linked for its owner alone."""
    if item.source_document is not None:
        return page_url(request, "document", document_id=item.source_document.id), item.source_document.name
    talk = item.source_conversation
    if talk is None:
        return "", "Written on this page" if item.source_message_id is None else "A conversation that is gone"
    if talk.owner_id != request.member.user_id or talk.deleted_at is not None:
        return "", "A conversation"
    base = page_url(request, "conversation", conversation_id=talk.id)
    if item.source_message_id is None:
        return base, talk.title
    return f"{base}?at={item.source_message_id}#message-{item.source_message_id}", talk.title


def used_in(request: MemberRequest, contexts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What answers remembered: id → text and address, for items that are still there. One query, or none."""
    ids = {
        row["id"] for context in contexts for row in context.get("used", []) if row.get("kind") == "memory"
    }
    if not ids:
        return {}
    # SECURITY: an answer that others may read too shows each only what is theirs to see.
    rows = MemoryItem.objects.filter(queries.seen_by(request.member.user_id), id__in=ids)
    return {
        str(row.id): {
            "text": row.text,
            "layer": layers.BY_NAME[row.layer].title,
            "url": page_url(request, "memory-item", item_id=row.id),
            "is_history": row.superseded_at is not None,
        }
        for row in rows
    }
