from django.utils.functional import SimpleLazyObject

from accounts import queries
from accounts.requests import MemberRequest
from tenants import links


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
            "url": links.workspace_url(row, "dashboard"),
            "current": row.id == request.workspace.id,
        }
        for row in queries.list_workspaces(request.member.user_id)
    ]
