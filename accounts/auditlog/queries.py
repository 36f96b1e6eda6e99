"""Reads of the audit log of one workspace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts import queries
from accounts.auditlog import words
from accounts.models import Membership
from config import errors, ports
from tenants import sealing
from tenants.models import AuditEntry

BATCH = 500


class EntryNotFound(errors.NotFound):
    code = "audit_entry_not_found"
    message = "There is no such entry in this workspace’s audit log."


@dataclass(frozen=True)
class Wanted:
    """`kind`: of actor, where it is nobody of the workspace. `target`: an object's id, or `type:id`, or a type."""

    person: UUID | None = None
    kind: str = ""
    group: str = ""
    since: datetime | None = None
    until: datetime | None = None
    target: str = ""


@dataclass(frozen=True)
class Known:
    """What is known around some entries: names by reference or id (erased ones are missing), and what was sealed.

    `opened`: entry id → whom → the fields; None where they were erased.
    """

    persons: dict[UUID, str] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    opened: dict[int, dict[UUID, dict[str, Any] | None]] = field(default_factory=dict)


def list_entries(workspace_id: UUID, wanted: Wanted | None = None) -> QuerySet[AuditEntry]:
    # SECURITY: entries without a workspace are nobody's to see here.
    rows = AuditEntry.objects.filter(workspace_id=workspace_id)
    return rows.filter(_matches(wanted)) if wanted else rows


def _matches(wanted: Wanted) -> Q:
    asked: dict[str, Any] = {
        "actor_ref": wanted.person,
        "actor_kind": wanted.kind or None,
        "created_at__gte": wanted.since,
        "created_at__lt": wanted.until,
    }
    found = Q(**{name: value for name, value in asked.items() if value is not None})
    if wanted.group:
        _, nouns = words.GROUPS[wanted.group]
        found &= Q(*(Q(action__startswith=f"{noun}.") for noun in nouns), _connector=Q.OR)
    if wanted.target:
        kind, _, name = wanted.target.partition(":")
        named = Q(target_type=kind, target_id=name) if name else Q(target_id=kind) | Q(target_type=kind)
        found &= named
    return found


def access_entry(workspace_id: UUID, entry_id: int) -> AuditEntry:
    """Raises EntryNotFound."""
    row = list_entries(workspace_id).filter(id=entry_id).first()
    if row is None:
        raise EntryNotFound()
    return row


def page_of_entries(
    workspace_id: UUID, wanted: Wanted, *, before: int | None, limit: int
) -> list[AuditEntry]:
    """Newest first; `before` is the last one of the page before. Two queries at most."""
    rows = list_entries(workspace_id, wanted)
    if before is not None:
        last = access_entry(workspace_id, before)
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id))
    return list(rows.order_by("-created_at", "-id")[:limit])


def batches_of_entries(workspace_id: UUID, wanted: Wanted) -> Iterator[list[AuditEntry]]:
    """All of them, newest first, BATCH at a time: what is added meanwhile is left out."""
    before: int | None = None
    while rows := page_of_entries(workspace_id, wanted, before=before, limit=BATCH):
        yield rows
        before = rows[-1].id


def know(workspace_id: UUID, entries: Sequence[AuditEntry]) -> Known:
    """Inside the workspace. Five queries at most, however many entries."""
    pairs = [(entry.id, UUID(part["of"]), part["text"]) for entry in entries for part in entry.sealed]
    opened: dict[int, dict[UUID, dict[str, Any] | None]] = {}
    for (entry_id, ref, _), fields in zip(pairs, sealing.unseal(pair[1:] for pair in pairs), strict=True):
        opened.setdefault(entry_id, {})[ref] = fields
    refs = {entry.actor_ref for entry in entries if entry.actor_ref} | {ref for _, ref, _ in pairs}
    refs |= _ids(entries, "person") | _persons_in(entries)
    return Known(queries.names_of_persons(refs) if refs else {}, _objects(workspace_id, entries), opened)


def _objects(workspace_id: UUID, entries: Sequence[AuditEntry]) -> dict[str, str]:
    members, keys = _ids(entries, "membership"), _ids(entries, "api_key")
    assistants = _ids(entries, "assistant")
    found = chain(
        _names_of_members(workspace_id, members).items() if members else (),
        queries.names_of_keys(workspace_id, keys).items() if keys else (),
        ports.assistant_names(ids=assistants).items() if assistants else (),
    )
    return {str(key): name for key, name in found}


def _names_of_members(workspace_id: UUID, ids: set[UUID]) -> dict[UUID, str]:
    rows = Membership.objects.filter(workspace_id=workspace_id, id__in=ids).select_related("user")
    return {row.id: row.user.name for row in rows}


def _ids(entries: Sequence[AuditEntry], target_type: str) -> set[UUID]:
    named = {entry.target_id for entry in entries if entry.target_type == target_type}
    return {UUID(text) for text in named if _is_id(text)}


def _persons_in(entries: Sequence[AuditEntry]) -> set[UUID]:
    named = {str(entry.data.get("person", "")) for entry in entries}
    return {UUID(text) for text in named if _is_id(text)}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
