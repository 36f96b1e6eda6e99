"""A person's own résumé and the profile from it. Nobody else sees either, whatever their role."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.links import page_url
from accounts.permissions import Permission, check, requires
from accounts.requests import MemberRequest
from assistants.documents import formats, presenters, profiles, queries, resumes, services, words
from assistants.documents.forms import ProfileForm
from assistants.documents.refusals import FileRefused
from assistants.documents.views import NoFile
from assistants.models import Document, ResumeProfile
from config import errors
from usage.holds.types import QuotaExceeded
from usage.pace.middleware import starts_runs

PAGE = "documents/resume.html"


@requires(Permission.VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def resume(request: MemberRequest) -> HttpResponse:
    """POST takes a résumé in, in the place of the former one. htmx asks for the state until the profile is there."""
    if request.method != "POST":
        template = "documents/_resume_state.html" if request.htmx else PAGE
        return render(request, template, _context(request))
    check(request.member, Permission.CHAT)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise NoFile()
        services.upload(member=request.member, file=file, kind=Document.Kind.RESUME)
    except (NoFile, FileRefused, QuotaExceeded) as refusal:
        return render(request, PAGE, _context(request, refusal.message), status=refusal.status)
    return redirect(page_url(request, "resume"))


def _context(request: MemberRequest, refusal: str = "", form: ProfileForm | None = None) -> dict[str, Any]:
    document = queries.get_resume(request.member.user_id)
    row = _profile_of(document)
    is_asked = row is not None and row.run_id is not None
    if row is not None and form is None:
        form = ProfileForm(row.profile)
    return {
        "document": document,
        "row": presenters.row(request, document) if document else None,
        "profile": row,
        "is_asked": is_asked,
        "is_waiting": is_asked or (document is not None and document.state in presenters.LIVE),
        "is_filled": row is not None and not profiles.is_empty(row.profile),
        "problem": words.of_profile(row.error_code) if row is not None and row.error_code else "",
        "form": form,
        "refusal": refusal,
        "accept": formats.ACCEPT,
        "self_url": page_url(request, "resume"),
    }


def _profile_of(document: Document | None) -> ResumeProfile | None:
    return getattr(document, "profile", None) if document is not None else None


def _mine(request: MemberRequest) -> ResumeProfile:
    """Raises NotFound."""
    row = _profile_of(queries.get_resume(request.member.user_id))
    if row is None:
        raise errors.NotFound("Upload a résumé first.")
    return row


@requires(Permission.CHAT)
@require_POST
def resume_profile(request: MemberRequest) -> HttpResponse:
    row = _mine(request)
    form = ProfileForm(row.profile, request.POST)
    if not form.is_valid():
        return render(request, PAGE, _context(request, form=form), status=422)
    resumes.edit(member=request.member, profile=row, values=form.values)
    messages.success(request, "Your profile is saved.")
    return redirect(page_url(request, "resume"))


@requires(Permission.CHAT)
@starts_runs
@require_POST
def resume_fill(request: MemberRequest) -> HttpResponse:
    """Has the profile written anew from the résumé."""
    document = queries.get_resume(request.member.user_id)
    if document is None:
        raise errors.NotFound("Upload a résumé first.")
    resumes.fill(member=request.member, document=document)
    return redirect(page_url(request, "resume"))
