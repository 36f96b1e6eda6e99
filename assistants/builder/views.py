"""Pages of assistants: the list, the editor, and what is done to one as a whole."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, check, requires
from accounts.requests import MemberRequest
from assistants.builder import editor, presenters, queries, services, templates
from assistants.builder.forms import AssistantForm, AvatarForm
from assistants.builder.refusals import EditedMeanwhile
from assistants.models import Assistant
from config import errors
from tenants import pictures
from usage.limits import services as limits
from usage.limits.forms import LimitForm
from usage.limits.services import LimitSpec
from usage.models import SubjectKind


@requires(Permission.VIEW)
@require_safe
def assistant_list(request: MemberRequest) -> HttpResponse:
    """`?archived=1`: those that were put away."""
    over_plan = queries.list_over_plan(request.workspace.id)
    is_archive = "archived" in request.GET
    rows = queries.list_archived(request.member) if is_archive else queries.list_assistants(request.member)
    context = {
        "assistants": [presenters.card(request, row, over_plan) for row in rows],
        "is_archive": is_archive,
        "archived": 0 if is_archive else queries.list_archived(request.member).count(),
    }
    return render(request, "assistants/assistant_list.html", context)


@requires(Permission.ASSISTANTS_MANAGE)
@require_safe
def assistant_templates(request: MemberRequest) -> HttpResponse:
    create = page_url(request, "assistant-create")
    rows = [{"template": each, "url": f"{create}?template={each.key}"} for each in templates.all_templates()]
    return render(request, "assistants/assistant_templates.html", {"templates": rows})


@requires(Permission.ASSISTANTS_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def assistant_create(request: MemberRequest) -> HttpResponse:
    """`?template=<key>` begins with a template."""
    if request.method != "POST":
        return editor.page(request, editor.form_of_new(request, request.GET.get("template", "")), None)
    form = AssistantForm(request.POST, member=request.member)
    if not form.is_valid():
        return editor.page(request, form, None, status=422)
    try:
        made = services.create_assistant(
            member=request.member, template=editor.known_template(form), **form.changes
        )
    except errors.DomainError as refused:
        return editor.refused(request, form, None, refused)
    messages.success(request, f"{made.name} is ready.")
    return redirect(page_url(request, "assistants"))


@requires(Permission.ASSISTANTS_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def assistant_edit(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    assistant = queries.access_any(request.member, assistant_id)
    if request.method != "POST":
        return editor.page(request, editor.form_of(request, assistant), assistant)
    form = AssistantForm(request.POST, member=request.member, assistant=assistant)
    if not form.is_valid():
        return editor.page(request, form, assistant, status=422)
    base = form.cleaned_data["base"]
    try:
        services.edit_assistant(member=request.member, assistant=assistant, changes=form.changes, base=base)
    except EditedMeanwhile as refused:
        form = editor.form_on_top_of(request, assistant, refused.data["latest"])
        return editor.refused(request, form, assistant, refused)
    except errors.DomainError as refused:
        return editor.refused(request, form, assistant, refused)
    messages.success(request, f"{form.cleaned_data['name']} is saved.")
    return redirect(page_url(request, "assistant-edit", assistant_id=assistant.id))


@requires(Permission.ASSISTANTS_MANAGE)
@require_POST
def assistant_duplicate(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    assistant = queries.access_any(request.member, assistant_id)
    copy = services.duplicate_assistant(member=request.member, assistant=assistant)
    messages.success(request, f"{copy.name} is yours alone until you share it.")
    return redirect(page_url(request, "assistant-edit", assistant_id=copy.id))


@requires(Permission.ASSISTANTS_MANAGE)
@require_POST
def assistant_archive(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    assistant = queries.access_any(request.member, assistant_id)
    services.archive_assistant(member=request.member, assistant=assistant)
    messages.success(request, f"{assistant.name} is archived. Its conversations can still be read.")
    return redirect(page_url(request, "assistants"))


@requires(Permission.ASSISTANTS_MANAGE)
@require_POST
def assistant_unarchive(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    assistant = queries.access_any(request.member, assistant_id)
    services.unarchive_assistant(member=request.member, assistant=assistant)
    messages.success(request, f"{assistant.name} can be asked again.")
    return redirect(page_url(request, "assistants"))


@requires(Permission.VIEW)
@require_safe
def assistant_avatar(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    return pictures.respond(queries.access_any(request.member, assistant_id).avatar)


@requires(Permission.ASSISTANTS_MANAGE)
@require_POST
def assistant_avatar_change(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    """Sets or removes the picture."""
    assistant = queries.access_any(request.member, assistant_id)
    if "remove" in request.POST:
        services.remove_avatar(member=request.member, assistant=assistant)
        messages.success(request, "The picture was removed.")
        return _back(request, assistant)
    form = AvatarForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            services.set_avatar(
                member=request.member, assistant=assistant, upload=form.cleaned_data["picture"]
            )
        except pictures.PictureRefused as refused:
            form.add_error("picture", refused.message)
        else:
            messages.success(request, "The picture was saved.")
            return _back(request, assistant)
    return _editor(request, assistant, avatar_form=form)


@requires(Permission.ASSISTANTS_MANAGE)
@require_POST
def assistant_limits(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    """Sets a limit of this assistant, beside those of the plan."""
    check(request.member, Permission.WORKSPACE_MANAGE)
    assistant = queries.access_assistant(request.member, assistant_id)
    form = LimitForm(request.POST, subjects=editor.subject_of(assistant))
    if not form.is_valid():
        return _editor(request, assistant, limit_form=form)
    data = form.cleaned_data
    spec = LimitSpec(
        data["meter"],
        data["window"],
        data["amount"],
        subject_kind=SubjectKind.ASSISTANT,
        subject_id=str(assistant.id),
    )
    limits.set_own_limit(workspace_id=request.workspace.id, spec=spec, actor=request.member.actor)
    messages.success(request, "The limit holds from the next question on.")
    return _back(request, assistant)


def _editor(request: MemberRequest, assistant: Assistant, **forms: Any) -> HttpResponse:
    return editor.page(request, editor.form_of(request, assistant), assistant, status=422, **forms)


def _back(request: MemberRequest, assistant: Assistant) -> HttpResponse:
    return redirect(page_url(request, "assistant-edit", assistant_id=assistant.id))
