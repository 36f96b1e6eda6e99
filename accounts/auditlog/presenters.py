"""Entries as pages, the API and exports show them: plain values, made without further queries."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.auditlog import words
from accounts.auditlog.queries import Known
from accounts.signin.devices import device_of
from tenants.models import AuditEntry

Kind = AuditEntry.ActorKind
ERASED = "Erased person"
OTHERS = {Kind.STAFF: "Support staff", Kind.SYSTEM: "The system"}


@dataclass(frozen=True)
class Fact:
    name: str
    value: str


@dataclass(frozen=True)
class Change:
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Origin:
    address: str = ""
    device: str = ""
    agent: str = ""
    session: str = ""
    is_erased: bool = False

    @property
    def words(self) -> str:
        return " · ".join(text for text in (self.device, self.address) if text)


@dataclass(frozen=True)
class Line:
    """`subject`, `object_filter`: what the filters for the same person and the same object are called."""

    id: int
    at: datetime
    action: str
    what: str
    who: str
    with_key: bool
    subject: str
    target_type: str
    target_id: str
    target: str
    object_filter: str
    origin: Origin | None
    changes: list[Change] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    personal: list[Fact] = field(default_factory=list)
    request_id: str = ""


def lines(entries: list[AuditEntry], known: Known) -> list[Line]:
    return [line(entry, known) for entry in entries]


def line(entry: AuditEntry, known: Known) -> Line:
    data = _with_names(entry.data, known)
    before, after = data.pop("before", None), data.pop("after", None)
    opened = known.opened.get(entry.id, {})
    return Line(
        id=entry.id,
        at=entry.created_at,
        action=entry.action,
        what=words.of_action(entry.action),
        who=who(entry, known),
        with_key=entry.actor_kind == Kind.API_KEY,
        subject=_subject(entry),
        target_type=words.of_object(entry.target_type),
        target_id=entry.target_id,
        target=_target(entry, known),
        object_filter=f"{entry.target_type}:{entry.target_id}" if entry.target_type else "",
        origin=origin(entry, opened),
        changes=_changes(before, after),
        facts=[
            Fact(words.of_field(name), words.of_value(value))
            for name, value in data.items()
            if value not in (None, "", [], {})
        ],
        personal=_personal(entry, known, opened),
        request_id=entry.request_id,
    )


def _with_names(data: dict[str, Any], known: Known) -> dict[str, Any]:
    """`person` holds a reference: it is shown as the name that it has now."""
    if "person" not in data:
        return dict(data)
    names = {str(ref): name for ref, name in known.persons.items()}
    return {**data, "person": names.get(str(data["person"]), ERASED)}


def who(entry: AuditEntry, known: Known) -> str:
    """A name. Staff are not named to a workspace, and who was erased cannot be."""
    kind = Kind(entry.actor_kind)
    if kind in OTHERS:
        return OTHERS[kind]
    return known.persons.get(entry.actor_ref, ERASED) if entry.actor_ref else ERASED


def _subject(entry: AuditEntry) -> str:
    return entry.actor_kind if Kind(entry.actor_kind) in OTHERS else str(entry.actor_ref or "")


def _target(entry: AuditEntry, known: Known) -> str:
    """Its name, or what tells it from others of its kind."""
    if entry.target_type == "person":
        return next((name for ref, name in known.persons.items() if str(ref) == entry.target_id), ERASED)
    return known.objects.get(entry.target_id) or _short(entry.target_id)


def _short(target_id: str) -> str:
    try:
        return f"{UUID(target_id).hex[:8]}…"
    except ValueError:
        return target_id


def origin(entry: AuditEntry, opened: dict[UUID, dict[str, Any] | None]) -> Origin | None:
    """None where there was none to tell: background work. That of staff is not shown to a workspace."""
    # SECURITY: from where staff work is theirs, not the workspace's.
    if entry.actor_kind == Kind.STAFF:
        return None
    found = next((fields for fields in opened.values() if fields and "origin" in fields), None)
    if found is None:
        is_erased = entry.actor_ref is not None and entry.actor_ref in opened
        return Origin(is_erased=True) if is_erased else None
    said = found["origin"]
    device = device_of(said["agent"]).label if said["agent"] else ""
    return Origin(said["address"], device, said["agent"], said["session"])


def _changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Change]:
    before, after = before or {}, after or {}
    return [
        Change(words.of_field(name), words.of_value(before.get(name)), words.of_value(after.get(name)))
        for name in {**before, **after}
    ]


def _personal(entry: AuditEntry, known: Known, opened: dict[UUID, dict[str, Any] | None]) -> list[Fact]:
    """Whom it is about, and what was sealed with that."""
    found: list[Fact] = []
    for ref, fields in opened.items():
        if ref != entry.actor_ref and ref in known.persons:
            found.append(Fact("About", known.persons[ref]))
        if fields is None and ref != entry.actor_ref:
            found.append(Fact("About", "somebody whose data was erased"))
        named = (fields or {}).get("personal", {})
        found += [Fact(words.of_field(name), words.of_value(value)) for name, value in named.items()]
    return found
