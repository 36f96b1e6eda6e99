from django.conf import settings
from django.utils.functional import SimpleLazyObject

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.chat import queries


def navigation(request: MemberRequest) -> dict[str, object]:
    """The recent conversations of the sidebar (one query, when a page shows them) and the provider's own notice."""
    notice = settings.PROVIDER_NOTICE
    context: dict[str, object] = {"provider_notice": notice, "provider_is_simulated": bool(notice)}
    if getattr(request, "workspace", None) is not None and getattr(request, "member", None) is not None:
        context["nav_conversations"] = SimpleLazyObject(lambda: _conversations(request))
    return context


def _conversations(request: MemberRequest) -> list[dict[str, object]]:
    rows = []
    chats = page_url(request, "chat")
    for row in queries.list_recent(request.member):
        url = f"{chats}{row.id}/"
        rows.append(
            {
                "id": row.id,
                "title": row.title,
                "url": url,
                "current": request.path == url,
                "is_running": row.is_running,
                "is_pinned": row.is_pinned,
            }
        )
    return rows
