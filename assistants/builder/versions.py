"""Versions of assistants: how they are written and put into use. In a service's transaction, under the row's lock."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.permissions import Member
from assistants.builder import content
from assistants.builder.content import Content
from assistants.models import Assistant, AssistantKnowledge, AssistantMember, AssistantVersion, Document


def told(visibility: str, user_ids: Iterable[UUID]) -> dict[str, Any]:
    """Who may use it, as snapshots tell it."""
    shared: dict[str, Any] = {"visibility": str(visibility)}
    if visibility == Assistant.Visibility.MEMBERS:
        shared["members"] = sorted(str(each) for each in user_ids)
    return shared


def sharing_of(assistant: Assistant) -> dict[str, Any]:
    return told(assistant.visibility, assistant.members.values_list("user_id", flat=True))


def knowledge_of(assistant: Assistant) -> list[UUID]:
    return list(assistant.knowledge.values_list("document_id", flat=True))


def latest(assistant: Assistant) -> AssistantVersion:
    """The last save. Of an assistant from before there were versions: what is in use, as one that `write` will keep."""
    found = assistant.versions.order_by("-number").first()
    if found is not None:
        return found
    return AssistantVersion(
        assistant=assistant,
        number=1,
        snapshot=content.of_row(assistant, knowledge_of(assistant)).snapshot() | sharing_of(assistant),
        created_by_id=assistant.created_by_id,
        created_at=assistant.updated_at,
    )


def models_of(assistant: Assistant) -> list[str]:
    """Those in use, and those of the last save, which a pinned version may stand in front of. One query."""
    last = content.of_snapshot(latest(assistant).snapshot)
    found = [assistant.model, *assistant.fallback_models, last.model, *last.fallback_models]
    return list(dict.fromkeys(found))


def write_first(assistant: Assistant, saved: Content, *, by: Member | None) -> AssistantVersion:
    """Of an assistant that was made just now."""
    return _create(assistant, 1, saved, by, "")


def write(assistant: Assistant, saved: Content, *, by: Member, note: str = "") -> AssistantVersion:
    """The next number. The row is locked by the caller."""
    last = latest(assistant)
    if last._state.adding:
        last.save()
    return _create(assistant, last.number + 1, saved, by, note)


def _create(
    assistant: Assistant, number: int, saved: Content, by: Member | None, note: str
) -> AssistantVersion:
    return AssistantVersion.objects.create(
        assistant=assistant,
        number=number,
        snapshot=saved.snapshot() | sharing_of(assistant),
        note=note,
        created_by_id=by.user_id if by else None,
        created_at=timezone.now(),
    )


def put_into_use(assistant: Assistant, saved: Content) -> None:
    """Its fields and its knowledge become these. Documents that are gone meanwhile stay away."""
    for name in content.COLUMNS:
        setattr(assistant, name, getattr(saved, name))
    assistant.save(update_fields=[*content.COLUMNS, "pinned_number", "updated_at"])
    wanted = set(Document.objects.filter(id__in=saved.knowledge).values_list("id", flat=True))
    present = set(knowledge_of(assistant))
    if gone := present - wanted:
        assistant.knowledge.filter(document_id__in=gone).delete()
    new = [AssistantKnowledge(assistant=assistant, document_id=each) for each in wanted - present]
    AssistantKnowledge.objects.bulk_create(new)


def take_away(assistant: Assistant, document_ids: set[UUID]) -> None:
    """Documents that nobody shall read by it any more, also while a version that had them is pinned."""
    assistant.knowledge.filter(document_id__in=document_ids).delete()


def share_with(assistant: Assistant, visibility: str, user_ids: set[UUID]) -> None:
    """Who may use it from now on. Chosen members are kept only while members are chosen."""
    assistant.visibility = visibility
    assistant.save(update_fields=["visibility", "updated_at"])
    wanted = user_ids if visibility == Assistant.Visibility.MEMBERS else set()
    present = set(assistant.members.values_list("user_id", flat=True))
    if gone := present - wanted:
        assistant.members.filter(user_id__in=gone).delete()
    AssistantMember.objects.bulk_create(
        [AssistantMember(assistant=assistant, user_id=each) for each in wanted - present]
    )
