"""Files that are given with questions: taken in, shown, taken back."""

from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.chat import attaching, file_presenters, pictures
from assistants.documents.views import NoFile
from assistants.models import Attachment


@requires(Permission.CHAT)
@require_POST
def attachment_upload(request: MemberRequest) -> HttpResponse:
    """One file; the answer is its line for the composer."""
    file = request.FILES.get("file")
    if file is None:
        raise NoFile()
    return _row(request, attaching.upload(member=request.member, file=file), status=201)


@requires(Permission.CHAT)
@require_safe
def attachment_row(request: MemberRequest, attachment_id: UUID) -> HttpResponse:
    """How far an unsent one is."""
    return _row(request, attaching.access_unsent(request.member, attachment_id))


def _row(request: MemberRequest, row: Attachment, *, status: int = 200) -> HttpResponse:
    context = {"file": file_presenters.shown(request, row), "is_live": True}
    return render(request, "assistants/_pending_file.html", context, status=status)


@requires(Permission.VIEW)
@require_safe
def attachment(request: MemberRequest, attachment_id: UUID) -> HttpResponseBase:
    """The picture. Documents have a page of their own."""
    return pictures.response(attaching.access(request.member, attachment_id))


@requires(Permission.CHAT)
@open_while_read_only
@require_POST
def attachment_remove(request: MemberRequest, attachment_id: UUID) -> HttpResponse:
    """An unsent one, with its file."""
    attaching.remove(member=request.member, attachment=attaching.access_unsent(request.member, attachment_id))
    return HttpResponse(status=204) if request.htmx else redirect(page_url(request, "chat"))
