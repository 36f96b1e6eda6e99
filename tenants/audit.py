"""The audit log: one row for each change that somebody may ask about later (docs/audit.md)."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from config import logs
from tenants import origins, sealing
from tenants.audit_contents import Leaks, plain, without_leaks
from tenants.models import AuditEntry

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Actor:
    kind: str
    ref: UUID | None = None


SYSTEM = Actor(kind=AuditEntry.ActorKind.SYSTEM)


class LeakInEntry(ValueError):
    """A secret, or a personal field that is not sealed, was about to be kept for ever."""


def record(
    action: str,
    *,
    actor: Actor,
    workspace_id: UUID | None,
    target: tuple[str, object] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    personal: Mapping[str, Any] | None = None,
    about: UUID | None = None,
    **data: Any,
) -> None:
    """Appends one entry inside the caller's transaction, so that the change and its entry stand or fall together.

    `action` reads `noun.verb` (`assistant.created`). `before`, `after`: the fields that changed. `personal`: fields
    that name somebody, sealed under the key `about` (a person's reference, an invitation's id). From where the actor
    came is taken from the request, and sealed under the actor's reference or, for want of one, `about`. Two queries
    when the keys are there. Raises RuntimeError outside a transaction, and for `personal` without `about`.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit.record needs the transaction of the change it records")
    if personal and about is None:
        raise RuntimeError("personal fields are sealed under a key: say whom they are about")
    target_type, target_id = target or ("", "")
    AuditEntry.objects.create(
        workspace_id=workspace_id,
        actor_kind=actor.kind,
        actor_ref=actor.ref,
        action=action,
        target_type=target_type,
        target_id=str(target_id),
        data=_kept(action, data, before, after),
        sealed=_sealed(actor.ref, personal, about),
        request_id=logs.current("request_id"),
    )


def _kept(
    action: str, data: dict[str, Any], before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    changed = {"before": before, "after": after}
    said = {**data, **{name: dict(fields) for name, fields in changed.items() if fields is not None}}
    leaks: Leaks = []
    kept: dict[str, Any] = without_leaks(plain(said), leaks)
    if leaks:
        if settings.AUDIT_RAISES_ON_LEAKS:
            raise LeakInEntry(f"{action} would keep {leaks}")
        logger.error("what does not belong into the audit log was left out", extra={"places": leaks})
    return kept


def _sealed(
    actor_ref: UUID | None, personal: Mapping[str, Any] | None, about: UUID | None
) -> list[dict[str, str]]:
    """One part for each of whom it speaks: {"of": the key's reference, "text": what it sealed}."""
    parts = list(_parts(actor_ref, personal, about))
    texts = sealing.seal_each(parts)
    return [{"of": str(ref), "text": text} for (ref, _), text in zip(parts, texts, strict=True)]


def _parts(
    actor_ref: UUID | None, personal: Mapping[str, Any] | None, about: UUID | None
) -> Iterator[tuple[UUID, dict[str, Any]]]:
    origin, whose = origins.current(), actor_ref or about
    if origin is not None and whose is not None:
        yield whose, {"origin": asdict(origin)}
    if personal and about is not None:
        yield about, {"personal": plain(dict(personal))}
