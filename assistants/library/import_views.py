"""Pages of taking in conversations from elsewhere: the upload, and how far reading it has come."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.links import page_url
from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from assistants.library.importing import files, services
from config import errors


class NoFile(errors.DomainError):
    code = "file_missing"
    status = 422
    message = "Choose a file first."


REFUSALS: tuple[type[errors.DomainError], ...] = (NoFile, services.ImportRunning, *services.REFUSALS)


@requires(Permission.CHAT)
@require_http_methods(["GET", "HEAD", "POST"])
def import_start(request: MemberRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request)
    upload = request.FILES.get("file")
    try:
        if upload is None:
            raise NoFile()
        row = services.start(member=request.member, upload=upload)
    except REFUSALS as refusal:
        return _page(request, refusal)
    return redirect(page_url(request, "conversations-import-progress", import_id=row.id))


def _page(request: MemberRequest, refusal: errors.DomainError | None = None) -> HttpResponse:
    context = {
        "imports": services.list_imports(request.member),
        "refusal": refusal,
        "limit_mb": files.MAX_UPLOAD // files.MEGABYTE,
    }
    return render(request, "library/import_start.html", context, status=refusal.status if refusal else 200)


@requires(Permission.CHAT)
@require_http_methods(["GET", "HEAD", "POST"])
def import_progress(request: MemberRequest, import_id: UUID) -> HttpResponse:
    """htmx asks again while it is read. POST: wakes one that nothing came of for a while."""
    row = services.access_import(request.member, import_id)
    if request.method == "POST":
        services.wake_stale(row, now=timezone.now())
        return redirect(page_url(request, "conversations-import-progress", import_id=row.id))
    context = {
        "row": row,
        "self_url": page_url(request, "conversations-import-progress", import_id=row.id),
        "is_stale": not row.is_final and timezone.now() - row.touched_at >= services.STALE,
        "problem": services.message_of(row.error_code) if row.error_code else "",
    }
    template = "library/_import.html" if request.htmx else "library/import_progress.html"
    return render(request, template, context)
