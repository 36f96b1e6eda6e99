"""That staff looked: what a workspace can see of it in its own audit log."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants import audit
from tenants.models import AuditEntry

ONCE_IN = timedelta(hours=1)


def note_view(*, workspace_id: UUID | None, actor: audit.Actor, seen: tuple[str, object]) -> bool:
    """`support.viewed`, once an hour for each person of staff and workspace. False when it is noted already.

    `seen`: what was opened first. Without a workspace (a person's page) it is once an hour for what was seen.
    """
    rows = AuditEntry.objects.filter(
        workspace_id=workspace_id,
        action="support.viewed",
        actor_ref=actor.ref,
        created_at__gt=timezone.now() - ONCE_IN,
    )
    if workspace_id is None:
        rows = rows.filter(target_type=seen[0], target_id=str(seen[1]))
    if rows.exists():
        return False
    with transaction.atomic():
        audit.record("support.viewed", actor=actor, workspace_id=workspace_id, target=seen)
    return True
