"""Settings: where a workspace wants to be told, and how telling went (docs/webhooks.md)."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from accounts.webhooks import forms, presenters, tries
from accounts.webhooks.forms import RotateForm, WebhookForm
from config import errors
from tenants.models import WebhookEndpoint
from tenants.webhooks import queries, services
from tenants.webhooks.services import Caller

ENTRIES_PER_PAGE = 10
FORM_METHODS = ["GET", "HEAD", "POST"]


def _caller(request: MemberRequest) -> Caller:
    return Caller(request.workspace.id, request.member.actor)


@requires(Permission.WORKSPACE_MANAGE)
@require_safe
def webhook_list(request: MemberRequest) -> HttpResponse:
    now = timezone.now()
    found = queries.list_endpoints_in_use(request.workspace.id)
    return render(request, "webhooks/list.html", {"rows": [presenters.row(each, now=now) for each in found]})


@requires(Permission.WORKSPACE_MANAGE)
@never_cache
@require_http_methods(FORM_METHODS)
def webhook_add(request: MemberRequest) -> HttpResponse:
    """The secret is in the answer to the POST, and not shown again: no redirect could carry it."""
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _form(request, form, None, status=422 if form.errors else 200)
    try:
        endpoint, secret = services.create(caller=_caller(request), **form.cleaned_data)
    except errors.DomainError as refused:
        form.refuse(refused)
        return _form(request, form, None, status=refused.status)
    return _show_once(request, endpoint, secret, status=201)


@requires(Permission.WORKSPACE_MANAGE)
@require_safe
def webhook_page(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = queries.access_endpoint(request.workspace.id, endpoint_id)
    log = queries.list_deliveries(request.workspace.id, endpoint_id)
    page = Paginator(log, ENTRIES_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "endpoint": endpoint,
        "state": presenters.row(endpoint, now=timezone.now()),
        "titles": presenters.titles(endpoint),
        "entries": [presenters.entry(each) for each in page],
        "page": page,
    }
    return render(request, "webhooks/webhook.html", context)


@requires(Permission.WORKSPACE_MANAGE)
@require_http_methods(FORM_METHODS)
def webhook_edit(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = queries.access_endpoint(request.workspace.id, endpoint_id)
    posted = request.POST if request.method == "POST" else None
    form = WebhookForm(posted, initial=forms.initial_of(endpoint))
    if not form.is_valid():
        return _form(request, form, endpoint, status=422 if form.errors else 200)
    try:
        services.change(caller=_caller(request), endpoint_id=endpoint_id, wanted=form.cleaned_data)
    except errors.DomainError as refused:
        form.refuse(refused)
        return _form(request, form, endpoint, status=refused.status)
    messages.success(request, "Saved. It holds from the next message on.")
    return redirect(page_url(request, "webhook", endpoint_id=endpoint_id))


@requires(Permission.WORKSPACE_MANAGE)
@open_while_read_only
@never_cache
@require_http_methods(FORM_METHODS)
def webhook_rotate(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """The new secret is in the answer to the POST alone, as the first one is."""
    endpoint = queries.access_endpoint(request.workspace.id, endpoint_id)
    form = RotateForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "endpoint": endpoint}
        return render(request, "webhooks/rotate.html", context, status=422 if form.errors else 200)
    hours = form.cleaned_data["overlap_hours"]
    endpoint, secret = services.rotate(caller=_caller(request), endpoint_id=endpoint_id, overlap_hours=hours)
    return _show_once(request, endpoint, secret, status=200)


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def webhook_switch(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """`on`: 1 or 0."""
    is_on = request.POST.get("on") == "1"
    services.change(caller=_caller(request), endpoint_id=endpoint_id, wanted={"is_active": is_on})
    words = "It is on: what waited is sent now." if is_on else "It is off, and is told of nothing."
    messages.success(request, words)
    return redirect(page_url(request, "webhook", endpoint_id=endpoint_id))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def webhook_test(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    tries.count(request, workspace_id=request.workspace.id, endpoint_id=endpoint_id)
    services.send_test(caller=_caller(request), endpoint_id=endpoint_id)
    messages.success(request, "A test is on its way. The log shows how it was answered.")
    return redirect(page_url(request, "webhook", endpoint_id=endpoint_id))


@requires(Permission.WORKSPACE_MANAGE)
@open_while_read_only
@require_http_methods(FORM_METHODS)
def webhook_delete(request: MemberRequest, endpoint_id: UUID) -> HttpResponse:
    """Asks on a page of its own where the dialog cannot: without scripts."""
    endpoint = queries.access_endpoint(request.workspace.id, endpoint_id)
    if request.method != "POST":
        return render(request, "webhooks/delete.html", {"endpoint": endpoint})
    services.delete(caller=_caller(request), endpoint_id=endpoint_id)
    messages.success(request, "The webhook is deleted, and its log with it.")
    return redirect(page_url(request, "webhooks"))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def delivery_redeliver(request: MemberRequest, delivery_id: int) -> HttpResponse:
    delivery = services.redeliver(caller=_caller(request), delivery_id=delivery_id)
    messages.success(request, "The message is on its way again.")
    return redirect(page_url(request, "webhook", endpoint_id=delivery.endpoint_id))


def _form(
    request: MemberRequest, form: WebhookForm, endpoint: WebhookEndpoint | None, *, status: int
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "endpoint": endpoint}
    return render(request, "webhooks/form.html", context, status=status)


def _show_once(
    request: MemberRequest, endpoint: WebhookEndpoint, secret: str, *, status: int
) -> HttpResponse:
    state = presenters.row(endpoint, now=timezone.now())
    context = {"endpoint": endpoint, "secret": secret, "state": state, "is_new": status == 201}
    return render(request, "webhooks/secret.html", context, status=status)
