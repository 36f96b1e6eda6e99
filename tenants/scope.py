"""The only door into a workspace's schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from config import errors, logs
from tenants.connection import connection
from tenants.models import Workspace


class WorkspaceNotFound(errors.NotFound):
    code = "workspace_not_found"
    message = "There is no such workspace, or you are not a member of it."


class WorkspaceSuspended(errors.DomainError):
    code = "workspace_suspended"
    status = 423
    message = "This workspace is suspended. Its owner can write to support to resume it."


@dataclass(frozen=True)
class WorkspaceRef:
    """What crosses an app's border in place of a `Workspace` row."""

    id: UUID
    slug: str
    name: str
    schema_name: str
    state: str
    timezone: str
    billing_day: int

    # django-tenants asks a tenant for these two.
    domain_url = None

    def get_tenant_type(self) -> None:
        return None

    @property
    def is_active(self) -> bool:
        return self.state == Workspace.State.ACTIVE


REF_FIELDS = ("id", "slug", "name", "schema_name", "state", "timezone", "billing_day")


def get_ref(**lookup: object) -> WorkspaceRef:
    """One query. Raises WorkspaceNotFound."""
    row = Workspace.objects.filter(**lookup).values(*REF_FIELDS).first()
    if row is None:
        raise WorkspaceNotFound()
    return WorkspaceRef(**row)


@contextmanager
def workspace_scope(workspace_id: UUID, *, allow_suspended: bool = False) -> Iterator[WorkspaceRef]:
    """Enters the schema of a workspace and restores the former path on every exit.

    Costs one query. Raises WorkspaceNotFound, or WorkspaceSuspended unless `allow_suspended`.
    """
    workspace = get_ref(id=workspace_id)
    if not (workspace.is_active or allow_suspended):
        raise WorkspaceSuspended()
    with enter(workspace):
        yield workspace


def current_workspace() -> WorkspaceRef:
    """The workspace that this thread is in. Raises RuntimeError outside one."""
    workspace = connection.tenant
    if not isinstance(workspace, WorkspaceRef):
        raise RuntimeError("this needs a workspace: enter it by workspace_scope")
    return workspace


@contextmanager
def enter(workspace: WorkspaceRef) -> Iterator[None]:
    """For the middleware, which has looked the workspace up already; everybody else uses `workspace_scope`."""
    former = connection.tenant
    connection.set_tenant(workspace)
    try:
        with logs.log_context(workspace_id=str(workspace.id)):
            yield
    finally:
        connection.set_tenant(former)
