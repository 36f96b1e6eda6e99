"""Pages on which a person takes their data along or deletes their account."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.privacy import presenters, queries, refusals, services
from accounts.privacy.exporting import KEPT
from accounts.privacy.forms import DeleteForm
from accounts.privacy.models import ExportJob
from accounts.requests import LocatedRequest, MemberRequest
from accounts.signin.stepup import ask, proven_recently, recently_proven
from accounts.workspaces_ending.entry import open_while_deleting
from config import errors


@login_required
@require_safe
def privacy(request: LocatedRequest) -> HttpResponse:
    """A polling request gets the exports alone."""
    jobs = queries.list_exports(request.user.id)
    rows = presenters.rows(jobs, lambda export_id: reverse("privacy-export-download", args=[export_id]))
    return _show(request, "privacy/privacy.html", rows)


def _show(request: HttpRequest, page: str, rows: list[presenters.Row]) -> HttpResponse:
    name = "privacy/_exports.html" if request.headers.get("HX-Request") else page
    is_running = any(row.is_open for row in rows)
    context = {"rows": rows, "days": KEPT.days, "is_running": is_running, "self_url": request.path}
    return render(request, name, context)


@login_required
@require_POST
@proven_recently
def export_request(request: LocatedRequest) -> HttpResponse:
    try:
        services.request_export(user=request.user)
        messages.success(request, "Your export is being made. You get a mail when it is ready.")
    except refusals.ExportRunning as refusal:
        messages.error(request, refusal.message)
    return redirect("privacy")


@login_required
@require_safe
def export_download(request: LocatedRequest, export_id: UUID) -> HttpResponseBase:
    job = queries.access_export(export_id=export_id, user_id=request.user.id, now=timezone.now())
    return _download(job, "your-data") if recently_proven(request) else ask(request)


def _download(job: ExportJob, stem: str) -> FileResponse:
    try:
        file = default_storage.open(job.file)
    except FileNotFoundError as error:
        raise refusals.ExportGone() from error
    name = f"{stem}-{job.created_at:%Y-%m-%d}.zip"
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
    response["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@proven_recently
def delete(request: LocatedRequest) -> HttpResponse:
    form = DeleteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.request_erasure(user=request.user, typed=form.cleaned_data["typed"])
        except refusals.ConfirmationWrong as refusal:
            form.add_error("typed", refusal.message)
        except errors.DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            logout(request)
            return redirect("privacy-deleted")
    context = {"form": form, "outlook": queries.get_outlook(request.user)}
    return render(request, "privacy/delete.html", context, status=422 if form.errors else 200)


@require_safe
def deleted(request: HttpRequest) -> HttpResponse:
    return render(request, "privacy/deleted.html")


# a workspace's own


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@open_while_deleting
@require_http_methods(["GET", "HEAD", "POST"])
def workspace_export(request: MemberRequest) -> HttpResponse:
    """GET shows what there is, POST asks for a new one."""
    if request.method == "POST":
        return _request_workspace_export(request)
    jobs = queries.list_workspace_exports(request.workspace.id)
    rows = presenters.rows(
        jobs, lambda export_id: page_url(request, "settings-export-download", export_id=export_id)
    )
    return _show(request, "privacy/workspace_export.html", rows)


def _request_workspace_export(request: MemberRequest) -> HttpResponse:
    if not recently_proven(request):
        return ask(request)
    try:
        services.request_workspace_export(member=request.member)
        messages.success(request, "The export is being made. You get a mail when it is ready.")
    except refusals.ExportRunning as refusal:
        messages.error(request, refusal.message)
    return redirect(request.path)


@requires(Permission.WORKSPACE_OWN)
@open_while_deleting
@require_safe
def workspace_export_download(request: MemberRequest, export_id: UUID) -> HttpResponseBase:
    job = queries.access_workspace_export(
        export_id=export_id, workspace_id=request.workspace.id, now=timezone.now()
    )
    return _download(job, request.workspace.slug) if recently_proven(request) else ask(request)
