"""Reads of workspaces' own domains."""

from uuid import UUID

from config import errors
from tenants.models import Domain
from tenants.scope import WorkspaceRef, get_ref


def list_domains(workspace_id: UUID) -> list[Domain]:
    return list(Domain.objects.filter(tenant_id=workspace_id).order_by("created_at", "id"))


def access_domain(workspace_id: UUID, domain_id: int) -> Domain:
    """Raises NotFound, also for another workspace's."""
    domain = Domain.objects.filter(id=domain_id, tenant_id=workspace_id).first()
    if domain is None:
        raise errors.NotFound()
    return domain


def get_served(host: str) -> Domain | None:
    """Whose pages are under this name: at most one workspace's."""
    # SECURITY: an unverified domain is nobody's; serving it would let anyone claim a name they do not own.
    return Domain.objects.filter(domain=host, verified_at__isnull=False).first()


def get_workspace(domain: Domain) -> WorkspaceRef:
    """Raises WorkspaceNotFound."""
    return get_ref(id=domain.tenant_id)


def list_served_ids() -> list[int]:
    return list(Domain.objects.filter(verified_at__isnull=False).order_by("id").values_list("id", flat=True))
