"""Making a workspace, and its general settings."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, requires
from accounts.requests import LocatedRequest, MemberRequest
from accounts.workspaces import services
from accounts.workspaces.forms import SettingsForm, SlugForm, WorkspaceForm
from tenants import links, slugs
from tenants.scope import get_ref
from tenants.settings import queries as settings_queries
from tenants.settings import services as settings_services
from tenants.settings.values import SettingRefused


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: LocatedRequest) -> HttpResponse:
    form = WorkspaceForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _create_page(request, form, 422 if form.errors else 200)
    data = form.cleaned_data
    try:
        made = services.make_workspace(
            owner=request.user, name=data["name"], slug=data["slug"], timezone_name=data["timezone"]
        )
    except slugs.SlugRefused as error:
        form.refuse(error, "slug")
        return _create_page(request, form, 422)
    except (SettingRefused, services.TooManyWorkspaces, services.WorkspacesTooQuick) as error:
        form.refuse(error, "")
        return _create_page(request, form, error.status)
    messages.success(request, f"{made.name} is ready.")
    return redirect(links.workspace_url(get_ref(id=made.id), "dashboard"))


def _create_page(request: HttpRequest, form: WorkspaceForm, status: int) -> HttpResponse:
    return render(request, "workspaces/create.html", {"form": form}, status=status)


@login_required
@require_safe
@never_cache
def slug(request: HttpRequest) -> HttpResponse:
    """For the form above while somebody types: `?name=` suggests a slug, `?slug=` says whether it can be had."""
    typed = request.GET.get("slug", "")[:60]
    if not typed:
        return JsonResponse({"slug": slugs.free_slug(request.GET.get("name", "")[:80])})
    try:
        slugs.validate_slug(typed)
        slugs.refuse_taken(typed)
    except slugs.SlugRefused as error:
        return JsonResponse({"slug": typed, "is_free": False, "code": error.code, "message": error.message})
    return JsonResponse({"slug": typed, "is_free": True, "message": "This address is free."})


@requires(Permission.WORKSPACE_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def general(request: MemberRequest) -> HttpResponse:
    if request.method != "POST":
        return _settings_page(request)
    form = SettingsForm(request.POST)
    if not form.is_valid():
        return _settings_page(request, form=form, status=422)
    try:
        settings_services.change_settings(
            workspace_id=request.workspace.id, wanted=form.wanted, actor=request.member.actor
        )
    except SettingRefused as error:
        form.refuse(error, "name")
        return _settings_page(request, form=form, status=error.status)
    messages.success(request, "The settings are saved.")
    return redirect(page_url(request, "settings"))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def change_slug(request: MemberRequest) -> HttpResponse:
    form = SlugForm(request.POST)
    if not form.is_valid():
        return _settings_page(request, slug_form=form, status=422)
    try:
        slugs.change_slug(
            workspace_id=request.workspace.id, slug=form.cleaned_data["slug"], actor=request.member.actor
        )
    except slugs.SlugRefused as error:
        form.refuse(error, "slug")
        return _settings_page(request, slug_form=form, status=422)
    request.workspace = get_ref(id=request.workspace.id)
    messages.success(request, "The address is changed. The former one leads here.")
    return redirect(page_url(request, "settings"))


def _settings_page(
    request: MemberRequest,
    *,
    form: SettingsForm | None = None,
    slug_form: SlugForm | None = None,
    status: int = 200,
) -> HttpResponse:
    workspace = request.workspace
    kept = settings_queries.get_more(workspace.id)
    context = {
        "form": form or SettingsForm.of(workspace, retention_days=kept.retention_days),
        "slug_form": slug_form or SlugForm(initial={"slug": workspace.slug}),
        "former_slugs": kept.former_slugs,
    }
    return render(request, "workspaces/settings.html", context, status=status)
