"""Pages of documents. Every address works as a full page; htmx asks for a row again while its file is read."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, check, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.documents import downloads, formats, places, presenters, queries, services
from assistants.documents.refusals import FileRefused
from assistants.models import Document, DocumentChunk
from config import errors
from usage.holds.types import QuotaExceeded

LIST = "documents/document_list.html"
PASSAGES_SHOWN = 40
MOST_FILES = 20


class NoFile(errors.DomainError):
    code = "file_missing"
    status = 422
    message = "Choose a file first."


@dataclass(frozen=True)
class Refusal:
    name: str
    message: str
    status: int


@requires(Permission.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def document_list(request: MemberRequest) -> HttpResponse:
    """POST takes files in, each by itself: those that are refused are named, the others are kept."""
    if request.method != "POST":
        return render(request, LIST, _list_context(request, []))
    check(request.member, Permission.CHAT)
    place = places.read(request.member, request.POST.get("place", ""))
    found = request.FILES.getlist("files")[:MOST_FILES]
    if request.htmx:
        return _one(request, found, place)
    refusals = [] if found else [Refusal("", NoFile.message, NoFile.status)]
    for file in found:
        try:
            services.upload(
                member=request.member, file=file, project=place.project, is_shared=place.is_shared
            )
        except (FileRefused, QuotaExceeded) as refusal:
            refusals.append(Refusal(file.name or "", refusal.message, refusal.status))
    if refusals:
        return render(request, LIST, _list_context(request, refusals), status=refusals[0].status)
    return redirect(page_url(request, "documents"))


def _one(request: MemberRequest, found: list[UploadedFile], place: places.Place) -> HttpResponse:
    """For the script that sends files one by one: the file's row. A refusal comes as a fragment with its words."""
    if not found:
        raise NoFile()
    document = services.upload(
        member=request.member, file=found[0], project=place.project, is_shared=place.is_shared
    )
    return render(request, "documents/_row.html", {"row": presenters.row(request, document)}, status=201)


def _list_context(request: MemberRequest, refusals: list[Refusal]) -> dict[str, object]:
    shown = request.GET.get("show", "")
    page = queries.page_of(request.member, shown=shown, after=request.GET.get("after", ""))
    list_url = page_url(request, "documents")
    kept = f"&show={shown}" if shown in queries.SHOWS else ""
    return {
        **presenters.upload_context(request),
        "rows": [presenters.row(request, document) for document in page.rows],
        "refusals": refusals,
        "place": request.POST.get("place") or request.GET.get("place", ""),
        "accept": formats.ACCEPT,
        "shows": [
            {"label": label, "url": f"{list_url}?show={key}" if key else list_url, "is_current": key == shown}
            for key, label in queries.SHOWS.items()
        ],
        "next_url": f"{list_url}?after={page.next}{kept}" if page.next else "",
        "first_url": list_url if request.GET.get("after") else "",
    }


@requires(Permission.VIEW)
@require_safe
def document_row(request: MemberRequest, document_id: UUID) -> HttpResponse:
    document = queries.access_document(request.member, document_id)
    return render(request, "documents/_row.html", {"row": presenters.row(request, document)})


@requires(Permission.VIEW)
@require_safe
def document(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """`?from=<number>`: the passage that the page begins with."""
    row = queries.access_document(request.member, document_id)
    begin = request.GET.get("from", "")
    return _page(request, row, begin=int(begin) if begin.isdecimal() and len(begin) < 7 else 1)


@requires(Permission.VIEW)
@require_safe
def document_passage(request: MemberRequest, document_id: UUID, passage_id: UUID) -> HttpResponse:
    """The page of the document around one passage, where citations lead. Raises PassageGone."""
    row = queries.access_document(request.member, document_id)
    try:
        shown = queries.access_passage(row, passage_id)
    except queries.PassageGone as gone:
        gone.data = {
            "action_url": page_url(request, "document", document_id=row.id),
            "action_label": "The document as it is now",
        }
        raise
    return _page(request, row, begin=max(1, shown.number - 3), shown=shown)


def _page(
    request: MemberRequest,
    row: Document,
    *,
    begin: int,
    shown: DocumentChunk | None = None,
    refusal: str = "",
) -> HttpResponse:
    chunks = list(queries.list_passages(row).filter(number__gte=begin)[: PASSAGES_SHOWN + 1])
    document_url = page_url(request, "document", document_id=row.id)
    context = {
        "row": presenters.row(request, row),
        "document": row,
        "passages": presenters.passages(request, row, chunks[:PASSAGES_SHOWN], shown),
        "before_url": f"{document_url}?from={max(1, begin - PASSAGES_SHOWN)}" if begin > 1 else "",
        "after_url": f"{document_url}?from={begin + PASSAGES_SHOWN}" if len(chunks) > PASSAGES_SHOWN else "",
        "may_share": row.owner_id == request.member.user_id
        and row.project_id is None
        and row.kind == Document.Kind.FILE,
        "is_resume": row.kind == Document.Kind.RESUME,
        "accept": formats.ACCEPT,
        "refusal": refusal,
    }
    return render(request, "documents/document.html", context, status=422 if refusal else 200)


@requires(Permission.VIEW)
@require_safe
def document_file(request: MemberRequest, document_id: UUID) -> HttpResponseBase:
    """As it was uploaded."""
    return downloads.response(queries.access_document(request.member, document_id))


@requires(Permission.CHAT)
@require_POST
def document_replace(request: MemberRequest, document_id: UUID) -> HttpResponse:
    row = queries.access_changeable(request.member, document_id)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise NoFile()
        services.replace(member=request.member, document=row, file=file)
    except (NoFile, FileRefused, QuotaExceeded) as refusal:
        return _page(request, row, begin=1, refusal=refusal.message)
    messages.success(request, "Uploaded. The passages you see stay until the new ones are read.")
    return redirect(page_url(request, "document", document_id=row.id))


@requires(Permission.CHAT)
@require_POST
def document_share(request: MemberRequest, document_id: UUID) -> HttpResponse:
    row = queries.access_changeable(request.member, document_id)
    is_shared = request.POST.get("is_shared") == "on"
    services.share(member=request.member, document=row, is_shared=is_shared)
    messages.success(
        request, "Everyone in the workspace can read it now." if is_shared else "It is not shared any more."
    )
    return redirect(
        page_url(request, "document", document_id=row.id) if is_shared else page_url(request, "documents")
    )


@requires(Permission.CHAT)
@require_POST
def document_read(request: MemberRequest, document_id: UUID) -> HttpResponse:
    """Reads it again after it failed."""
    row = queries.access_changeable(request.member, document_id)
    services.retry(member=request.member, document=row)
    return redirect(page_url(request, "document", document_id=row.id))


@requires(Permission.CHAT)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def document_delete(request: MemberRequest, document_id: UUID) -> HttpResponse:
    row = queries.access_changeable(request.member, document_id)
    if request.method != "POST":
        context = {"document": row, "assistants": row.attached_to.count()}
        return render(request, "documents/document_delete.html", context)
    services.delete(member=request.member, document=row)
    messages.success(request, f"{row.name} is deleted.")
    return redirect(page_url(request, "resume" if row.kind == Document.Kind.RESUME else "documents"))
