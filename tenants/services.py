"""Writes to workspaces."""

from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from config import ports
from tenants import audit, slugs
from tenants.models import Workspace
from tenants.scope import WorkspaceNotFound, enter, get_ref


def create_workspace(
    *, name: str, slug: str, actor: audit.Actor, timezone_name: str = "UTC", is_personal: bool = False
) -> Workspace:
    """Makes the workspace, its schema and what every workspace starts with, in one transaction (about 0.3 s).

    Raises SlugRefused (malformed, reserved, taken). Must be called outside any workspace.
    """
    slugs.validate_slug(slug)
    workspace = Workspace(
        id=uuid4(),
        name=name.strip()[:80] or slug,
        slug=slug,
        schema_name=f"ws_{uuid4().hex}",
        timezone=timezone_name,
        is_personal=is_personal,
    )
    with transaction.atomic():
        _save(workspace)
        audit.record(
            "workspace.created",
            actor=actor,
            workspace_id=workspace.id,
            target=("workspace", workspace.id),
            personal={"slug": slug},
            about=workspace.id,
        )
        with enter(get_ref(id=workspace.id)):
            ports.workspace_created(workspace_id=workspace.id)
        ports.plan_wanted(workspace_id=workspace.id)
    return workspace


def _save(workspace: Workspace) -> None:
    slugs.claim(workspace.slug)
    try:
        with transaction.atomic():
            workspace.save(verbosity=0)
    except IntegrityError as error:
        raise slugs.SlugRefused("That address is taken. Please choose another.", code="slug_taken") from error


def set_billing_day(*, workspace_id: UUID, day: int, actor: audit.Actor) -> None:
    """From which day of the month on a billing period counts, 1 to 31: whoever knows the subscription pushes it here.

    Effective with the next hold; what was counted in the former period stays there. Raises WorkspaceNotFound.
    """
    if day not in range(1, 32):
        raise ValueError(day)
    with transaction.atomic():
        if not Workspace.objects.filter(id=workspace_id).update(billing_day=day):
            raise WorkspaceNotFound()
        audit.record("workspace.billing_day_set", actor=actor, workspace_id=workspace_id, day=day)
