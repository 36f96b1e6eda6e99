"""The only door into a workspace's schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
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


class WorkspaceArchived(errors.DomainError):
    code = "workspace_archived"
    status = 423
    message = (
        "This workspace is archived: everything can be read, nothing changed. An owner can take it out again."
    )


class WorkspaceDeleting(errors.DomainError):
    code = "workspace_deleting"
    status = 423
    message = "This workspace is going to be deleted. Only its owners can enter, to undo that or take its data along."


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
    language: str = "en"
    is_personal: bool = False
    requires_two_factors: bool = False
    requires_single_sign_on: bool = False
    logo: str = ""
    accent: str = ""
    hides_product_name: bool = False
    delete_at: datetime | None = None

    # django-tenants asks a tenant for these two.
    domain_url = None

    def get_tenant_type(self) -> None:
        return None

    @property
    def is_active(self) -> bool:
        return self.state == Workspace.State.ACTIVE


REF_FIELDS = (
    "id", "slug", "name", "schema_name", "state", "timezone", "billing_day", "language", "is_personal",
    "requires_two_factors", "requires_single_sign_on", "logo", "accent", "hides_product_name", "delete_at",
)  # fmt: skip


REFUSALS: dict[str, type[errors.DomainError]] = {
    Workspace.State.SUSPENDED: WorkspaceSuspended,
    Workspace.State.ARCHIVED: WorkspaceArchived,
    Workspace.State.DELETING: WorkspaceDeleting,
}
STOP_REASONS: dict[str, str] = {state: refusal.code for state, refusal in REFUSALS.items()}
"""By which word runs of a workspace that is not active end."""


def refusal_of(workspace: WorkspaceRef) -> errors.DomainError:
    """What work in a workspace that is not active is answered with."""
    return REFUSALS[workspace.state]()


def get_ref(**lookup: object) -> WorkspaceRef:
    """One query. Raises WorkspaceNotFound."""
    row = Workspace.objects.filter(**lookup).values(*REF_FIELDS).first()
    if row is None:
        raise WorkspaceNotFound()
    return WorkspaceRef(**row)


@contextmanager
def workspace_scope(workspace_id: UUID, *, allow_suspended: bool = False) -> Iterator[WorkspaceRef]:
    """Enters the schema of a workspace and restores the former path on every exit.

    Costs one query. Raises WorkspaceNotFound; WorkspaceSuspended, WorkspaceArchived or WorkspaceDeleting unless
    `allow_suspended`, which is for ending what began before, and for reading.
    """
    workspace = get_ref(id=workspace_id)
    if not (workspace.is_active or allow_suspended):
        raise refusal_of(workspace)
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
    """For who has just looked the workspace up, as the middleware has; everybody else uses `workspace_scope`."""
    former = connection.tenant
    connection.set_tenant(workspace)
    try:
        with logs.log_context(workspace_id=str(workspace.id)):
            yield
    finally:
        connection.set_tenant(former)
