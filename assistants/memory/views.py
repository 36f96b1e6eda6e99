"""Pages of memory: what is kept, where it came from, and every way to change or lose it."""

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.documents import queries as documents
from assistants.memory import forgetting, graph, keyfacts, layers, presenters, queries, services
from config import errors
from usage.features.queries import FeatureNotIncluded

HOME, ITEM, ITEMS = "memory/memory.html", "memory/item.html", "memory/_items.html"


@requires(Permission.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def memory(request: MemberRequest) -> HttpResponse:
    """GET: one layer's items (`?layer=`). POST: keeps a statement in it."""
    name = request.POST.get("layer") or request.GET.get("layer") or "semantic"
    if name not in layers.BY_NAME:
        raise errors.NotFound()
    if request.method != "POST":
        return _home(request, name)
    text = request.POST.get("text", "")
    try:
        services.remember(member=request.member, layer=name, text=text)
    except (
        services.MemoryTextWrong, services.SecretNotKept, services.MemoryForbidden, FeatureNotIncluded
    ) as refusal:  # fmt: skip
        return _home(request, name, refusal, text)
    messages.success(request, "It is remembered.")
    return redirect(f"{page_url(request, 'memory')}?layer={name}")


def _home(
    request: MemberRequest, name: str, refusal: errors.DomainError | None = None, text: str = ""
) -> HttpResponse:
    context = presenters.home(request, name) | {"refusal": refusal, "text": text}
    template = ITEMS if request.htmx else HOME
    return render(request, template, context, status=refusal.status if refusal else 200)


@requires(Permission.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def memory_item(request: MemberRequest, item_id: UUID) -> HttpResponse:
    """GET: one statement with its source and history. POST: new words for it."""
    item = queries.access_item(request.member, item_id)
    if request.method != "POST":
        return render(request, ITEM, presenters.detail(request, item))
    text = request.POST.get("text", "")
    try:
        changed = services.edit(member=request.member, item=item, text=text)
    except (services.MemoryTextWrong, services.SecretNotKept, services.MemoryForbidden) as refusal:
        context = presenters.detail(request, item) | {"refusal": refusal, "text": text}
        return render(request, ITEM, context, status=refusal.status)
    messages.success(request, "The new words are kept; the old ones are its history.")
    return redirect(page_url(request, "memory-item", item_id=changed.id))


@requires(Permission.VIEW)
@require_POST
def memory_pin(request: MemberRequest, item_id: UUID) -> HttpResponse:
    item = queries.access_item(request.member, item_id)
    services.pin(member=request.member, item=item, is_pinned=request.POST.get("pinned", "1") == "1")
    return redirect(page_url(request, "memory-item", item_id=item.id))


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def memory_delete(request: MemberRequest, item_id: UUID) -> HttpResponse:
    """With `forbid` its like is never kept again."""
    item = queries.access_item(request.member, item_id)
    if request.POST.get("forbid"):
        services.forbid(member=request.member, item=item)
        messages.success(request, "It is forgotten, and will not be remembered again.")
    else:
        services.delete(member=request.member, item=item)
        messages.success(request, "It is forgotten.")
    return redirect(f"{page_url(request, 'memory')}?layer={item.layer}")


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def memory_forget_day(request: MemberRequest) -> HttpResponse:
    day = _day(request.POST.get("day", ""))
    count = forgetting.forget_day(member=request.member, day=day)
    messages.success(request, f"What was remembered on {day:%d %B %Y} is forgotten: {count}.")
    return redirect(page_url(request, "memory"))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise forgetting.DayWrong() from error


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def memory_switch(request: MemberRequest) -> HttpResponse:
    is_on = request.POST.get("on") == "1"
    services.switch(member=request.member, is_on=is_on)
    messages.success(
        request, "Memory is on." if is_on else "Memory is off. Nothing is read or kept; nothing is deleted."
    )
    return redirect(page_url(request, "memory"))


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def memory_allow(request: MemberRequest, refusal_id: UUID) -> HttpResponse:
    services.allow_again(member=request.member, refusal_id=refusal_id)
    return redirect(page_url(request, "memory"))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def memory_key_facts(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Has a shared document read for what everybody should know."""
    document = documents.access_document(request.member, document_id)
    keyfacts.take(member=request.member, document=document)
    messages.success(request, "It is being read. What is found stands in the shared layer in a moment.")
    return redirect(f"{page_url(request, 'memory')}?layer=shared")


@requires(Permission.VIEW)
@require_safe
def memory_graph(request: MemberRequest) -> HttpResponse:
    return render(request, "memory/graph.html", {"graph": graph.of(request)})
