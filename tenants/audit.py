"""The audit log: one row for each change that somebody may ask about later."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from config import logs
from tenants.models import AuditEntry


@dataclass(frozen=True)
class Actor:
    kind: str
    ref: UUID | None = None


SYSTEM = Actor(kind=AuditEntry.ActorKind.SYSTEM)


def record(
    action: str,
    *,
    actor: Actor,
    workspace_id: UUID | None,
    target: tuple[str, object] | None = None,
    **data: Any,
) -> None:
    """Appends one entry inside the caller's transaction, so that the change and its entry stand or fall together.

    `action` reads `noun.verb` (`assistant.created`). Raises RuntimeError outside a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("audit.record needs the transaction of the change it records")
    target_type, target_id = target or ("", "")
    AuditEntry.objects.create(
        workspace_id=workspace_id,
        actor_kind=actor.kind,
        actor_ref=actor.ref,
        action=action,
        target_type=target_type,
        target_id=str(target_id),
        data=data,
        request_id=logs.current("request_id"),
    )
