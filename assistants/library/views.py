"""Pages of finding and keeping conversations. Every address works as a full page; htmx takes the list out of it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.library import exporting, presenters, queries, search, services
from assistants.models import Conversation
from assistants.projects import queries as projects
from config import errors

PAGE = "library/conversation_list.html"
DETAILS = "library/conversation_details.html"


@requires(Permission.VIEW)
@require_safe
def conversation_list(request: MemberRequest) -> HttpResponse:
    """`?q=` searches; `show`, `tag` and `project` filter; `after` goes on where a page ended."""
    filters, text = _filters(request), " ".join(request.GET.get("q", "").split())
    scope = queries.scope_of(request.member)
    context: dict[str, object] = {
        "filters": filters,
        "search": text,
        "shows": presenters.shows(request, filters),
        "tags": queries.list_tags(scope),
        "projects": projects.list_names(request.member),
        "undo": _undoable(request),
        "back": presenters.address_of(filters),
        **(_found(request, text, filters) if text else _listed(request, scope, filters)),
    }
    return render(request, PAGE, context)


def _listed(request: MemberRequest, scope: queries.Scope, filters: queries.Filters) -> dict[str, object]:
    after = request.GET.get("after")
    page = queries.list_page(scope, filters, after)
    return {
        "rows": presenters.rows(request, page.rows),
        "pinned": presenters.rows(request, page.pinned),
        "next_query": presenters.address_of(filters, after=page.next) if page.next else "",
        "first_query": presenters.address_of(filters) if after else None,
    }


def _found(request: MemberRequest, text: str, filters: queries.Filters) -> dict[str, object]:
    cursor = request.GET.get("from", "")
    found = search.search(request.member, text, cursor, filters)
    return {
        "rows": presenters.hits(request, found.hits),
        "found": found,
        "next_query": presenters.address_of(filters, q=text, **{"from": found.next}) if found.next else "",
        "first_query": presenters.address_of(filters, q=text) if cursor else None,
    }


def _filters(request: MemberRequest) -> queries.Filters:
    show = request.GET.get("show", "all")
    known = {key for key, _ in presenters.SHOWS}
    tag = request.GET.get("tag", "").replace("\x00", "")[: services.TAG_LENGTH]
    return queries.Filters(show if show in known else "all", tag, _uuid(request.GET.get("project")))


def _undoable(request: MemberRequest) -> Conversation | None:
    deleted = _uuid(request.GET.get("undo"))
    try:
        return queries.access_deleted(request.member, deleted) if deleted else None
    except errors.NotFound:
        return None


@requires(Permission.CHAT)
@require_http_methods(["GET", "HEAD", "POST"])
def conversation_rename(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """GET: name, tags and project of one conversation on a page. POST: its name."""
    row = queries.access_own(request.member, conversation_id)
    if request.method != "POST":
        return _details(request, row)
    try:
        services.rename(conversation=row, title=request.POST.get("title", ""))
    except (services.TitleEmpty, services.TitleTooLong) as refusal:
        return _details(request, row, refusal, title=request.POST.get("title", ""))
    messages.success(request, "The name is saved.")
    return redirect(page_url(request, "conversation-rename", conversation_id=row.id))


@requires(Permission.CHAT)
@require_POST
def conversation_tags(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    row = queries.access_own(request.member, conversation_id)
    try:
        services.set_tags(conversation=row, text=request.POST.get("tags", ""))
    except (services.TooManyTags, services.TagTooLong) as refusal:
        return _details(request, row, refusal, tags=request.POST.get("tags", ""))
    messages.success(request, "The tags are saved.")
    return redirect(page_url(request, "conversation-rename", conversation_id=row.id))


@requires(Permission.CHAT)
@require_POST
def conversation_move(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    row = queries.access_own(request.member, conversation_id)
    chosen = _uuid(request.POST.get("project"))
    project = projects.access_project(request.member, chosen) if chosen else None
    services.move(member=request.member, conversation=row, project=project)
    messages.success(request, f"It is in {project.name} now." if project else "It is in no project now.")
    return redirect(page_url(request, "conversation-rename", conversation_id=row.id))


def _details(
    request: MemberRequest, row: Conversation, refusal: errors.DomainError | None = None, **typed: str
) -> HttpResponse:
    context = {
        "conversation": row,
        "title_text": typed.get("title", row.title),
        "tags_text": typed.get("tags", ", ".join(row.tags)),
        "projects": projects.list_names(request.member),
        "refusal": refusal,
    }
    return render(request, DETAILS, context, status=refusal.status if refusal else 200)


@requires(Permission.CHAT)
@require_POST
def conversation_pin(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    row = queries.access_own(request.member, conversation_id)
    services.set_pinned(conversation=row, is_pinned=request.POST.get("pinned", "1") == "1")
    return _back(request)


@requires(Permission.CHAT)
@require_POST
def conversation_archive(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    row = queries.access_own(request.member, conversation_id)
    services.set_archived(conversation=row, is_archived=request.POST.get("archived", "1") == "1")
    return _back(request)


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def conversation_delete(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """With `forever` what is deleted is erased at once; otherwise it can be taken back."""
    if request.POST.get("forever"):
        deleted = queries.access_deleted(request.member, conversation_id)
        services.erase(member=request.member, conversation=deleted)
        messages.success(request, "It is erased.")
        return redirect(f"{page_url(request, 'conversations')}?show=deleted")
    row = queries.access_own(request.member, conversation_id)
    services.delete(member=request.member, conversation=row)
    return redirect(f"{page_url(request, 'conversations')}?undo={row.id}")


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def conversation_undo(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    row = queries.access_deleted(request.member, conversation_id)
    services.undo(member=request.member, conversation=row)
    messages.success(request, "It is back.")
    return redirect(page_url(request, "conversations"))


@requires(Permission.VIEW)
@require_safe
def conversation_export(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """`?format=md|json|pdf`, as a file. Also for colleagues in the same project, who may read it."""
    row = queries.access_visible(request.member, conversation_id)
    made = exporting.export(row, request.GET.get("format", "md"), request.workspace)
    return exporting.as_response(made)


def _back(request: MemberRequest) -> HttpResponse:
    """To the list as it was; `back` is its query, never an address."""
    lists = page_url(request, "conversations")
    if request.POST.get("to") == "chat" and (at := _uuid(request.POST.get("conversation"))):
        return redirect(page_url(request, "conversation", conversation_id=at))
    return redirect(f"{lists}?{request.POST.get('back', '')}".rstrip("?"))


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
