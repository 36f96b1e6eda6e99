"""Limits that a workspace sets for its people, assistants and keys, beside those of its plan."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from tenants import links
from usage import presenters, report
from usage.limits import queries, services
from usage.limits.forms import LimitForm
from usage.limits.services import LimitSpec
from usage.models import Limit

PAGE = "usage/limits.html"
PREFILLED = ("subject", "meter", "window")


@requires(Permission.WORKSPACE_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def limit_list(request: MemberRequest) -> HttpResponse:
    if request.method != "POST":
        asked = {name: request.GET[name] for name in PREFILLED if name in request.GET}
        return _page(request, LimitForm(subjects=_subjects(request), initial=asked))
    form = LimitForm(request.POST, subjects=_subjects(request))
    if not form.is_valid():
        return _page(request, form, status=422)
    data = form.cleaned_data
    names = ("meter", "window", "amount", "subject_kind", "subject_id")
    services.set_own_limit(
        workspace_id=request.workspace.id,
        spec=LimitSpec(**{name: data[name] for name in names}),
        actor=request.member.actor,
    )
    messages.success(request, "The limit holds from the next question on.")
    return redirect(_url(request))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def limit_remove(request: MemberRequest, limit_id: int) -> HttpResponse:
    limit = queries.access_limit(request.workspace.id, limit_id)
    services.remove_own_limit(limit=limit, actor=request.member.actor)
    messages.success(request, "The limit is gone.")
    return redirect(_url(request))


def _subjects(request: MemberRequest) -> list[tuple[str, str, str]]:
    found = report.own_subjects(request.workspace.id)
    return [(kind.value, str(key), name) for kind, names in found.items() for key, name in names.items()]


def _page(request: MemberRequest, form: LimitForm, *, status: int = 200) -> HttpResponse:
    viewpoint = report.viewpoint_of(request.member, request.workspace)
    standings = queries.list_standings(viewpoint, now=timezone.now())
    names = report.names_of_subjects(request.workspace.id, standings)
    shown = presenters.meters(standings, zone=request.workspace.timezone, names=names)
    rows = [
        {
            "view": view,
            "can_remove": row.set_by in services.OWN_SOURCES,
            "can_change": row.set_by == Limit.Source.WORKSPACE,
        }
        for row, view in zip(standings, shown, strict=True)
    ]
    context: dict[str, Any] = {"form": form, "rows": rows}
    return render(request, PAGE, context, status=status)


def _url(request: MemberRequest) -> str:
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return links.workspace_url(request.workspace, "usage-limits", on_own_domain=own)
