from django.utils.functional import SimpleLazyObject

from accounts import queries
from accounts.handoff import services as handoff
from accounts.requests import LocatedRequest, MemberRequest
from tenants import links
from tenants.branding.brand import brand_of, logo_url
from tenants.scope import WorkspaceRef


def brand(request: LocatedRequest) -> dict[str, object]:
    """The look of a workspace: on its pages for its members, on its own domain, and while signing in for that.

    `product_name` is the workspace's own where it hides the product's.
    """
    workspace = _branded(request)
    if workspace is None:
        return {}
    found = brand_of(workspace)
    shown = {"brand": found, "brand_is_served": getattr(request, "served_workspace", None) is not None}
    return {**shown, "product_name": found.name} if found.hides_product_name else shown


def _branded(request: LocatedRequest) -> WorkspaceRef | None:
    # SECURITY: before it is known who asks, an address of the main host must not tell which workspaces there are.
    if getattr(request, "member", None) is not None:
        return request.workspace
    served: WorkspaceRef | None = getattr(request, "served_workspace", None)
    match = getattr(request, "resolver_match", None)
    if served is None and match is not None and match.url_name == "account_login":
        return handoff.workspace_of(request.POST.get("next") or request.GET.get("next") or "")
    return served


def navigation(request: MemberRequest) -> dict[str, object]:
    """The workspaces a person can switch to, on workspace pages. One query, when a page shows them."""
    if getattr(request, "workspace", None) is None or getattr(request, "member", None) is None:
        return {}
    return {"nav_workspaces": SimpleLazyObject(lambda: _workspaces(request))}


def _workspaces(request: MemberRequest) -> list[dict[str, object]]:
    return [
        {
            "name": row.name,
            "slug": row.slug,
            "logo_url": logo_url(row),
            "url": links.workspace_url(row, "dashboard"),
            "current": row.id == request.workspace.id,
        }
        for row in queries.list_workspaces(request.member.user_id)
    ]
