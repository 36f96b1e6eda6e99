"""A widget's settings, and what visitors asked: for those who look after the workspace."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.builder import queries as builder
from assistants.models import Assistant, Widget
from assistants.widget import access, presenters, queries, services
from assistants.widget.forms import WidgetForm
from config import errors
from tenants import links
from usage.features import queries as features
from usage.features.keys import Feature

COLOUR = "#0b6650"


@requires(Permission.WORKSPACE_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def widget(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    """GET: its settings, and the line for the site. POST: saves them."""
    assistant = builder.access_any(request.member, assistant_id)
    found = queries.get_widget(assistant)
    if request.method != "POST":
        return _page(request, assistant, found, WidgetForm(initial=_initial(assistant, found)))
    form = WidgetForm(request.POST)
    if not form.is_valid():
        return _page(request, assistant, found, form, status=422)
    try:
        services.save_widget(member=request.member, assistant=assistant, settings=form.settings)
    except features.FeatureNotIncluded as refused:
        return _page(request, assistant, found, form, status=refused.status, problem=refused)
    messages.success(request, "Saved.")
    return redirect(page_url(request, "assistant-widget", assistant_id=assistant.id))


def _initial(assistant: Assistant, found: Widget | None) -> dict[str, object]:
    if found is None:
        return {
            "is_on": True, "title": assistant.name[:60], "greeting": "Hello! How can I help?", "colour": COLOUR,
            "messages_per_day": 200, "visitor_messages_per_day": 20,
        }  # fmt: skip
    names = WidgetForm.base_fields
    return {name: getattr(found, name) for name in names} | {"sites": "\n".join(found.sites)}


def _page(
    request: MemberRequest,
    assistant: Assistant,
    found: Widget | None,
    form: WidgetForm,
    *,
    status: int = 200,
    problem: errors.DomainError | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {"assistant": assistant, "widget": found, "form": form, "problem": problem}
    context["is_included"] = features.has(request.workspace.id, Feature.EMBED)
    if problem:
        context |= {"title": errors.title_of(problem), "code": problem.code}
    if found is not None:
        public_id = access.public_id(request.workspace.id, found)
        source = settings.BASE_URL + links.main_url("embed-loader", public_id=public_id)
        context["snippet"] = f'<script src="{source}" async></script>'
        if settings.DEMO and found.is_on:
            context["demo_url"] = f"{links.main_url('embed-demo')}?widget={public_id}"
    return render(request, "widget/settings.html", context, status=status)


@requires(Permission.WORKSPACE_MANAGE)
@require_safe
def talk_list(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    assistant = builder.access_any(request.member, assistant_id)
    found = queries.get_widget(assistant)
    rows = queries.list_talks(found, before=_place(request)) if found else []
    page = rows[: queries.PAGE]
    older = (
        f"?before={page[-1].updated_at.isoformat()}_{page[-1].id}".replace("+", "%2B")
        if rows[queries.PAGE :]
        else ""
    )
    talks = [
        {
            "title": row.title,
            "updated_at": row.updated_at,
            "url": page_url(request, "widget-talk", assistant_id=assistant.id, conversation_id=row.id),
            "erase_url": page_url(
                request, "widget-talk-erase", assistant_id=assistant.id, conversation_id=row.id
            ),
        }
        for row in page
    ]
    return render(request, "widget/talk_list.html", {"assistant": assistant, "talks": talks, "older": older})


def _place(request: MemberRequest) -> tuple[datetime, UUID] | None:
    """Raises NotFound for what no page of ours links to."""
    text = request.GET.get("before", "")
    if not text:
        return None
    moment, _, key = text.partition("_")
    try:
        return datetime.fromisoformat(moment), UUID(key)
    except ValueError as error:
        raise errors.NotFound() from error


@requires(Permission.WORKSPACE_MANAGE)
@require_safe
def talk(request: MemberRequest, assistant_id: UUID, conversation_id: UUID) -> HttpResponse:
    assistant = builder.access_any(request.member, assistant_id)
    row = queries.access_talk_of(assistant, conversation_id)
    said = [presenters.shown(message) for message in queries.list_said(row)]
    return render(request, "widget/talk.html", {"assistant": assistant, "talk": row, "said": said})


@requires(Permission.WORKSPACE_MANAGE)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def talk_erase(request: MemberRequest, assistant_id: UUID, conversation_id: UUID) -> HttpResponse:
    """GET asks, POST erases."""
    assistant = builder.access_any(request.member, assistant_id)
    row = queries.access_talk_of(assistant, conversation_id)
    if request.method != "POST":
        return render(request, "widget/talk_erase.html", {"assistant": assistant, "talk": row})
    services.erase_talk(member=request.member, talk=row)
    messages.success(request, "The visitor’s chat is erased.")
    return redirect(page_url(request, "widget-talks", assistant_id=assistant.id))
