"""Reads of workspaces for their people."""

from uuid import UUID

from django.db.models import F, QuerySet

from config import errors
from tenants.models import Workspace


def list_of_person(user_id: UUID) -> QuerySet[Workspace]:
    """Those that a person is in, each with their `role`."""
    # SECURITY: somebody sees the workspaces that they are in, and no other.
    return Workspace.objects.filter(memberships__user_id=user_id).annotate(role=F("memberships__role"))


def get_of_person(user_id: UUID, workspace_id: UUID) -> Workspace:
    """Raises NotFound."""
    workspace = list_of_person(user_id).filter(id=workspace_id).first()
    if workspace is None:
        raise errors.NotFound()
    return workspace
