"""Pages of a workspace's audit log."""

from urllib.parse import urlencode

from django.http import FileResponse, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import queries as accounts_queries
from accounts.auditlog import downloads, exports, presenters, queries, services
from accounts.auditlog.forms import FilterForm
from accounts.auditlog.refusals import FilterRefused
from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest

PAGE_LENGTH = 50


@requires(Permission.AUDIT_VIEW)
@never_cache
@require_safe
def entry_list(request: MemberRequest) -> HttpResponse:
    """`?before=<entry>`: the page after that one. A filter that makes no sense is shown again, with its reason."""
    form = _form(request)
    context = {"form": form, "entries": [], "is_filtered": False}
    if not form.is_valid():
        return render(request, "auditlog/entry_list.html", context, status=422)
    before = request.GET.get("before")
    rows = queries.page_of_entries(
        request.workspace.id,
        form.wanted(request.workspace.timezone),
        before=_number(before) if before else None,
        limit=PAGE_LENGTH + 1,
    )
    kept, shown = form.kept(), rows[:PAGE_LENGTH]
    context |= {
        "entries": presenters.lines(shown, queries.know(request.workspace.id, shown)),
        "is_filtered": bool(kept),
        "query": urlencode(kept),
        "next_url": f"?{urlencode({**kept, 'before': shown[-1].id})}" if len(rows) > PAGE_LENGTH else "",
        "prev_url": f"{request.path}?{urlencode(kept)}" if before else "",
    }
    return render(request, "auditlog/entry_list.html", context)


@requires(Permission.AUDIT_VIEW)
@never_cache
@require_safe
def entry_detail(request: MemberRequest, entry_id: int) -> HttpResponse:
    entry = queries.access_entry(request.workspace.id, entry_id)
    line = presenters.line(entry, queries.know(request.workspace.id, [entry]))
    return render(request, "auditlog/entry_detail.html", {"entry": line, "actor_ref": entry.actor_ref})


@requires(Permission.AUDIT_VIEW)
@never_cache
@require_safe
def export(request: MemberRequest) -> FileResponse:
    """`?as=` csv (default) or jsonl, with the page's filters. It is an entry of the log itself, and in the file."""
    how, form = request.GET.get("as", "csv"), _form(request)
    if how not in exports.FORMS or not form.is_valid():
        raise FilterRefused()
    services.note_export(member=request.member, form=how, filters=form.kept())
    file = exports.write(how, request.workspace.id, form.wanted(request.workspace.timezone))
    return downloads.attachment(file, how, request.workspace.slug)


def _form(request: MemberRequest) -> FilterForm:
    return FilterForm(request.GET, people=accounts_queries.list_members(request.workspace.id))


def _number(text: str) -> int:
    """Raises EntryNotFound."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise queries.EntryNotFound()
    return int(text)
