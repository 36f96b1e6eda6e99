"""What settings pages show beyond a WorkspaceRef."""

from dataclasses import dataclass
from uuid import UUID

from tenants.models import FormerSlug, Workspace


@dataclass(frozen=True)
class More:
    retention_days: int | None
    former_slugs: list[str]


def get_more(workspace_id: UUID) -> More:
    """Two queries."""
    days = Workspace.objects.values_list("retention_days", flat=True).get(id=workspace_id)
    former = FormerSlug.objects.filter(workspace_id=workspace_id).order_by("created_at", "slug")
    return More(days, list(former.values_list("slug", flat=True)))
