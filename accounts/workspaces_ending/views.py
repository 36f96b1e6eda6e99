"""Pages on which owners archive a workspace, delete it, and take that back."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from accounts.signin.stepup import proven_recently
from accounts.workspaces_ending import presenters
from accounts.workspaces_ending.entry import open_while_deleting
from accounts.workspaces_ending.forms import DeletionForm
from tenants.lifecycle import services
from tenants.lifecycle.services import NameMismatch


@requires(Permission.WORKSPACE_OWN)
@open_while_deleting
@require_safe
def ending(request: MemberRequest) -> HttpResponse:
    return render(request, "workspaces_ending/ending.html", presenters.overview(request.workspace))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@require_POST
def archive(request: MemberRequest) -> HttpResponse:
    services.archive(workspace_id=request.workspace.id, actor=request.member.actor)
    messages.success(request, f"{request.workspace.name} is archived.")
    return redirect(page_url(request, "settings-ending"))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@require_POST
def unarchive(request: MemberRequest) -> HttpResponse:
    services.unarchive(workspace_id=request.workspace.id, actor=request.member.actor)
    messages.success(request, f"{request.workspace.name} is in use again.")
    return redirect(page_url(request, "settings-ending"))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
@proven_recently
def delete(request: MemberRequest) -> HttpResponse:
    """Shows what will happen; the typed name schedules it."""
    workspace = request.workspace
    form = DeletionForm(request.POST if request.method == "POST" else None, workspace_name=workspace.name)
    if form.is_valid():
        try:
            services.schedule_deletion(
                workspace_id=workspace.id,
                typed_name=form.cleaned_data["name"],
                actor=request.member.actor,
                now=timezone.now(),
            )
        except NameMismatch as mismatch:
            form.add_error("name", mismatch.message)
        else:
            messages.success(request, "The deletion is scheduled. Its owners are told by mail.")
            return redirect(page_url(request, "settings-ending"))
    context = {
        "form": form,
        "groups": presenters.consequences(workspace),
        "delete_at": presenters.deletion_day(workspace),
        "submit_label": f"Delete after {services.GRACE.days} days",
    }
    status = 422 if form.errors else 200
    return render(request, "workspaces_ending/delete.html", context, status=status)


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@open_while_deleting
@require_POST
def undo(request: MemberRequest) -> HttpResponse:
    services.undo_deletion(workspace_id=request.workspace.id, actor=request.member.actor, now=timezone.now())
    messages.success(request, f"{request.workspace.name} stays. Everything is as it was.")
    return redirect(page_url(request, "settings-ending"))
