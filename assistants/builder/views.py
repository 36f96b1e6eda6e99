from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from assistants.builder import queries, services
from assistants.builder.forms import AssistantForm

TEMPLATE = "assistants/assistant_form.html"


@requires(Permission.VIEW)
@require_safe
def assistant_list(request: MemberRequest) -> HttpResponse:
    over_plan = queries.list_over_plan(request.workspace.id)
    rows = [
        {
            "id": row.id,
            "is_over_plan": row.id in over_plan,
            "name": row.name,
            "description": row.description,
            "model": row.model,
            "url": page_url(request, "assistant-edit", assistant_id=row.id),
            "chat_url": f"{page_url(request, 'chat')}?assistant={row.id}",
        }
        for row in queries.list_assistants(request.member)
    ]
    return render(request, "assistants/assistant_list.html", {"assistants": rows})


@requires(Permission.ASSISTANTS_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def assistant_create(request: MemberRequest) -> HttpResponse:
    form = AssistantForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        assistant = services.create_assistant(member=request.member, **form.cleaned_data)
        messages.success(request, f"{assistant.name} is ready.")
        return redirect(page_url(request, "assistants"))
    return render(request, TEMPLATE, {"form": form, "assistant": None}, status=422 if form.errors else 200)


@requires(Permission.ASSISTANTS_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def assistant_edit(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    assistant = queries.access_assistant(request.member, assistant_id)
    if request.method != "POST":
        return render(request, TEMPLATE, {"form": AssistantForm(instance=assistant), "assistant": assistant})
    # A second row for the form: validation writes into the form's instance; the service compares with the stored one.
    form = AssistantForm(request.POST, instance=queries.access_assistant(request.member, assistant_id))
    if not form.is_valid():
        return render(request, TEMPLATE, {"form": form, "assistant": assistant}, status=422)
    services.edit_assistant(member=request.member, assistant=assistant, changes=form.cleaned_data)
    messages.success(request, f"{assistant.name} is saved.")
    return redirect(page_url(request, "assistants"))
