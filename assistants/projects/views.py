"""Pages of projects."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import queries as accounts_queries
from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.library import presenters
from assistants.library import queries as library
from assistants.models import Project
from assistants.projects import queries, services
from assistants.projects.forms import MemberForm, ProjectForm

FORM = "projects/project_form.html"


@requires(Permission.VIEW)
@require_safe
def project_list(request: MemberRequest) -> HttpResponse:
    is_archived = request.GET.get("show") == "archived"
    rows = queries.list_projects(request.member, is_archived=is_archived)
    return render(request, "projects/project_list.html", {"projects": rows, "is_archived": is_archived})


@requires(Permission.CHAT)
@require_http_methods(["GET", "HEAD", "POST"])
def project_create(request: MemberRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = services.create(member=request.member, **form.cleaned_data)
        return redirect(page_url(request, "project", project_id=made.id))
    return render(request, FORM, {"form": form, "project": None}, status=422 if form.errors else 200)


@requires(Permission.VIEW)
@require_safe
def project(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """Its conversations (by key set), instructions, files and people."""
    row = queries.access_project(request.member, project_id)
    after = request.GET.get("after")
    page = library.list_page(library.scope_of(request.member), library.Filters(project_id=row.id), after)
    context = {
        "project": row,
        "is_owner": row.owner_id == request.member.user_id,
        "rows": presenters.rows(request, page.rows),
        "next_query": presenters.query(after=page.next),
        "first_query": "" if after else None,
        "documents": queries.list_documents(row),
        "people": queries.list_people(request.member, row),
    }
    return render(request, "projects/project.html", context)


@requires(Permission.CHAT)
@require_http_methods(["GET", "HEAD", "POST"])
def project_edit(request: MemberRequest, project_id: UUID) -> HttpResponse:
    row = queries.access_project(request.member, project_id)
    services.require_owner(request.member, row)
    if request.method != "POST":
        return render(request, FORM, {"form": ProjectForm(instance=row), "project": row})
    # A second row for the form: validation writes into the form's instance; the service compares with the stored one.
    form = ProjectForm(request.POST, instance=queries.access_project(request.member, project_id))
    if not form.is_valid():
        return render(request, FORM, {"form": form, "project": row}, status=422)
    services.edit(member=request.member, project=row, changes=form.cleaned_data)
    messages.success(request, f"{row.name} is saved.")
    return redirect(page_url(request, "project", project_id=row.id))


@requires(Permission.VIEW)
@require_safe
def project_members(request: MemberRequest, project_id: UUID) -> HttpResponse:
    row = queries.access_project(request.member, project_id)
    people = queries.list_people(request.member, row)
    return _members_page(request, row, people, MemberForm(choices=_others(request, people)))


@requires(Permission.CHAT)
@require_POST
def project_member_add(request: MemberRequest, project_id: UUID) -> HttpResponse:
    """Takes somebody of the workspace in."""
    row = queries.access_project(request.member, project_id)
    services.require_owner(request.member, row)
    people = queries.list_people(request.member, row)
    others = _others(request, people)
    form = MemberForm(request.POST, choices=others)
    if not form.is_valid():
        return _members_page(request, row, people, form)
    chosen = form.cleaned_data["person"]
    services.add_member(member=request.member, project=row, user_id=UUID(chosen))
    messages.success(request, f"{dict(others)[chosen]} is in {row.name} now.")
    return redirect(page_url(request, "project-members", project_id=row.id))


def _others(request: MemberRequest, people: list[queries.Person]) -> list[tuple[str, str]]:
    there = {person.id for person in people}
    everybody = accounts_queries.list_people(request.member.workspace_id)
    return [(str(key), name) for key, name in everybody.items() if key not in there]


def _members_page(
    request: MemberRequest, row: Project, people: list[queries.Person], form: MemberForm
) -> HttpResponse:
    context = {
        "project": row,
        "people": people,
        "form": form,
        "has_others": bool(form.fields["person"].choices),  # type: ignore[attr-defined]
        "is_owner": row.owner_id == request.member.user_id,
    }
    return render(request, "projects/project_members.html", context, status=422 if form.errors else 200)


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def project_member_remove(request: MemberRequest, project_id: UUID, user_id: UUID) -> HttpResponse:
    row = queries.access_project(request.member, project_id)
    services.remove_member(member=request.member, project=row, user_id=user_id)
    if user_id == request.member.user_id:
        messages.success(request, f"You have left {row.name}.")
        return redirect(page_url(request, "projects"))
    messages.success(request, f"They are no longer in {row.name}.")
    return redirect(page_url(request, "project-members", project_id=row.id))


@requires(Permission.CHAT)
@require_POST
def project_archive(request: MemberRequest, project_id: UUID) -> HttpResponse:
    row = queries.access_project(request.member, project_id)
    is_archived = request.POST.get("archived", "1") == "1"
    services.set_archived(member=request.member, project=row, is_archived=is_archived)
    messages.success(request, f"{row.name} is archived." if is_archived else f"{row.name} is back.")
    return redirect(page_url(request, "projects"))
