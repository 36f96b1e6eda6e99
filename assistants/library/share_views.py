"""Links to copies: made and revoked by members, opened by everybody who has one."""

from uuid import UUID

from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_ratelimit.core import is_ratelimited

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.library import queries, sharing
from assistants.models import Conversation, ShareLink
from assistants.rendering import markdown
from config import errors

RATE = "60/m"
SHARE_PAGE = "library/share.html"


class TooManyLooks(errors.DomainError):
    """`data`: retry_after_s."""

    code = "too_many_looks"
    status = 429
    message = "Too many links were opened from here. Try again in a minute."


@requires(Permission.CHAT)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def conversation_share(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """GET: its links and a form. POST: a new one, shown this once."""
    row = queries.access_own(request.member, conversation_id)
    if request.method != "POST":
        return _share_page(request, row)
    days = request.POST.get("days", "30")
    lifetime = sharing.LIFETIMES.get(days, sharing.LIFETIMES["30"])
    try:
        link, token = sharing.share(member=request.member, conversation=row, days=lifetime)
    except (sharing.NothingToShare, sharing.TooManyLinks) as refusal:
        return _share_page(request, row, status=refusal.status, refusal=refusal, days=days)
    address = sharing.address_of(token)
    return _share_page(request, row, status=201, address=address, new=link.id, days=days)


def _share_page(
    request: MemberRequest, row: Conversation, *, status: int = 200, **more: object
) -> HttpResponse:
    context = {
        "conversation": row,
        "links": _links(sharing.list_links(request.member, row)),
        "lifetimes": [
            {"value": value, "label": f"{days} day{'s' if days != 1 else ''}" if days else "Until revoked"}
            for value, days in sharing.LIFETIMES.items()
        ],
        "days": "30",
        **more,
    }
    return render(request, SHARE_PAGE, context, status=status)


@requires(Permission.VIEW)
@require_safe
def link_list(request: MemberRequest) -> HttpResponse:
    """Every link of the person, of all conversations."""
    return render(request, "library/link_list.html", {"links": _links(sharing.list_links(request.member))})


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def link_revoke(request: MemberRequest, link_id: UUID) -> HttpResponse:
    link = sharing.access_link(request.member, link_id)
    sharing.revoke(member=request.member, link=link)
    messages.success(request, "The link leads nowhere any more.")
    if request.POST.get("to") == "links":
        return redirect(page_url(request, "conversation-links"))
    return redirect(page_url(request, "conversation-share", conversation_id=link.conversation_id))


def _links(rows: list[ShareLink]) -> list[dict[str, object]]:
    now = timezone.now()
    return [
        {
            "id": row.id,
            "title": row.conversation.title or "New conversation",
            "conversation_id": row.conversation_id,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "revoked_at": row.revoked_at,
            "is_open": row.revoked_at is None and (row.expires_at is None or row.expires_at > now),
        }
        for row in rows
    ]


def _as_html(text: str) -> str:
    """A copy leads to no picture from elsewhere: what would is its description."""
    return mark_safe(markdown.render(text, offers_images=False))  # noqa: S308  the sanitised rendering


# Nothing is loaded, sent or framed from a copy but our own styles and scripts: what it says was written by a model.
@csp_replace(  # type: ignore[arg-type]  # its stub knows views without arguments
    {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [NONE],
        "form-action": [SELF],
    }
)
@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """For everybody. Raises LinkGone (404), always in the same words, and TooManyLooks."""
    if is_ratelimited(request, group="shared", key="ip", rate=RATE, increment=True):
        raise TooManyLooks(data={"retry_after_s": 60})
    found = sharing.open_link(token)
    context = {
        "shared": found,
        "messages_said": [
            {**said, "html": _as_html(said["text"])} if said["role"] == "assistant" else said
            for said in found.messages
        ],
    }
    response = render(request, "library/shared.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Referrer-Policy"] = "no-referrer"
    return response
