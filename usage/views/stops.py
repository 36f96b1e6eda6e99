"""The emergency stop of a workspace: refuse new model calls, end running ones, and let them run again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission, check, open_while_read_only, requires
from accounts.requests import MemberRequest
from config import ports
from tenants import links
from usage import stops
from usage.limits.forms import StopForm
from usage.models import Stop

PAGE = "usage/stops.html"


@requires(Permission.VIEW)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def stop_list(request: MemberRequest) -> HttpResponse:
    """Everybody sees what stands and why; owners and admins set and lift."""
    if request.method != "POST":
        return render(request, PAGE, _context(request, _form(request, None)))
    check(request.member, Permission.WORKSPACE_MANAGE)
    form = _form(request, request.POST)
    if not form.is_valid():
        return render(request, PAGE, _context(request, form), status=422)
    scope, _, target = form.cleaned_data["target"].partition(":")
    stops.set_stop(
        scope=Stop.Scope(scope),
        target=target,
        reason=form.cleaned_data["reason"],
        actor=request.member.actor,
        authority=Stop.Authority.WORKSPACE,
        workspace_id=request.workspace.id,
    )
    messages.success(request, "Stopped. Running answers end within seconds; what they said is kept.")
    return redirect(_url(request))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def stop_lift(request: MemberRequest, stop_id: int) -> HttpResponse:
    stop = stops.access_stop(request.workspace.id, stop_id)
    stops.lift_stop(stop_id=stop.pk, actor=request.member.actor)
    messages.success(request, "Model calls may start again.")
    return redirect(_url(request))


def _form(request: MemberRequest, data: Any) -> StopForm:
    # SECURITY: the choices are this workspace's own assistants, so no other target passes.
    return StopForm(data, workspace_id=request.workspace.id, assistants=ports.assistant_names(ids=None))


def _context(request: MemberRequest, form: StopForm) -> dict[str, Any]:
    names = ports.assistant_names(ids=None)
    rows = [
        {
            "id": stop.pk,
            "words": stops.words(stop),
            "assistant": names.get(_assistant_id(stop), "") if stop.scope == Stop.Scope.ASSISTANT else "",
            "reason": stop.reason,
            "since": stop.created_at,
            "by": stop.get_authority_display(),
            "can_lift": stop.authority == Stop.Authority.WORKSPACE and request.member.can_manage_workspace,
        }
        for stop in stops.list_standing(request.workspace.id)
    ]
    return {"stops": rows, "form": form}


def _assistant_id(stop: Stop) -> Any:
    return UUID(stop.target)


def _url(request: MemberRequest) -> str:
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return links.workspace_url(request.workspace, "usage-stops", on_own_domain=own)
