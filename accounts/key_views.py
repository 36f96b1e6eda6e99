"""Pages of a member's own API keys in one workspace."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import queries, services
from accounts.forms import ApiKeyChangeForm, ApiKeyForm, ApiKeyRotateForm
from accounts.key_examples import examples_for
from accounts.keys import queries as keys
from accounts.keys import services as key_services
from accounts.links import page_url
from accounts.models import ApiKey
from accounts.permissions import SCOPES, Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from config import ports

KEYS_PER_PAGE = 25
STATES = {"": "In use", "expired": "Expired", "revoked": "Revoked", "all": "All"}
FORM_METHODS = ["GET", "HEAD", "POST"]


@requires(Permission.KEYS_MANAGE)
@require_safe
def key_list(request: MemberRequest) -> HttpResponse:
    state = request.GET.get("state", "")
    state = state if state in STATES else ""
    text, scope = request.GET.get("q", "")[:80], request.GET.get("scope", "")[:40]
    wanted = keys.Wanted(state={"": "unrevoked", "all": ""}.get(state, state), text=text, scope=scope)
    found = keys.list_keys(request.member, wanted, now=timezone.now()).order_by("-created_at", "-id")
    page = Paginator(found, KEYS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "keys": _rows(request, page),
        "page": page,
        "form": ApiKeyForm(allowed=request.member.permissions),
        "states": [(value, label, value == state) for value, label in STATES.items()],
        "scopes": [(value, value == scope) for value in SCOPES],
        "text": text,
        "is_filtered": bool(state or text or scope),
    }
    return render(request, "accounts/api_key_list.html", context)


def _rows(request: MemberRequest, page: Page[ApiKey]) -> list[dict[str, Any]]:
    now = timezone.now()
    used = ports.usage_of_keys(
        workspace_id=request.workspace.id,
        person_ref=request.member.person_ref,
        zone=request.workspace.timezone,
    )
    return [
        {
            "row": key,
            "used": used.get(key.id),
            "is_expired": key.expires_at is not None and key.expires_at <= now,
            "is_revoked": key.revoked_at is not None,
            "is_overlapping": key.former_ends_at is not None and key.former_ends_at > now,
            "dialog_id": f"revoke-{key.id}",
            "question": f"Revoke {key.name}?",
        }
        for key in page
    ]


@requires(Permission.KEYS_MANAGE)
@never_cache
@require_http_methods(FORM_METHODS)
def key_create(request: MemberRequest) -> HttpResponse:
    """The new key is in the answer to the POST, and neither stored nor shown again: no redirect could carry it."""
    form = ApiKeyForm(request.POST if request.method == "POST" else None, allowed=request.member.permissions)
    if not form.is_valid():
        status = 422 if form.errors else 200
        return render(request, "accounts/api_key_form.html", {"form": form}, status=status)
    given = form.cleaned_data
    key, text = services.create_api_key(
        member=request.member,
        name=given["name"],
        scopes=given["scopes"],
        expires_at=form.expires_at,
        limits=given["limits"],
        allowed=given["addresses"],
    )
    return _show_once(request, key, text, status=201)


def _show_once(request: MemberRequest, key: ApiKey, text: str, *, status: int) -> HttpResponse:
    examples = examples_for(
        text, scopes=key.scopes, base_url=settings.BASE_URL, model=settings.CHAT_MODELS[0]
    )
    context = {"key": key, "text": text, "examples": examples}
    return render(request, "accounts/api_key_created.html", context, status=status)


@requires(Permission.KEYS_MANAGE)
@open_while_read_only
@require_http_methods(FORM_METHODS)
def key_change(request: MemberRequest, key_id: UUID) -> HttpResponse:
    key = queries.access_api_key(request.member, key_id)
    day = key.expires_at.date() if key.expires_at else None
    kept = {"name": key.name, "addresses": key.addresses, "expires_on": day}
    form = ApiKeyChangeForm(request.POST if request.method == "POST" else None, initial=kept)
    if not form.is_valid():
        context = {"form": form, "key": key}
        return render(request, "accounts/api_key_change.html", context, status=422 if form.errors else 200)
    wanted: dict[str, Any] = {"name": form.cleaned_data["name"], "allowed": form.cleaned_data["addresses"]}
    if form.cleaned_data["expires_on"] != day:
        wanted["expires_at"] = form.expires_at
    changed = key_services.change(member=request.member, key_id=key_id, **wanted)
    messages.success(request, f"{changed.name} is changed.")
    return redirect(page_url(request, "keys"))


@requires(Permission.KEYS_MANAGE)
@open_while_read_only
@never_cache
@require_http_methods(FORM_METHODS)
def key_rotate(request: MemberRequest, key_id: UUID) -> HttpResponse:
    """The new secret is in the answer to the POST alone, as a new key is."""
    key = queries.access_api_key(request.member, key_id)
    form = ApiKeyRotateForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"form": form, "key": key}
        return render(request, "accounts/api_key_rotate.html", context, status=422 if form.errors else 200)
    hours = form.cleaned_data["overlap_hours"]
    key, text = key_services.rotate(member=request.member, key_id=key_id, overlap_hours=hours)
    return _show_once(request, key, text, status=200)


@requires(Permission.KEYS_MANAGE)
@open_while_read_only
@require_http_methods(FORM_METHODS)
def key_revoke(request: MemberRequest, key_id: UUID) -> HttpResponse:
    """Asks on a page of its own where the list's dialog cannot: without scripts."""
    key = queries.access_api_key(request.member, key_id)
    if request.method != "POST":
        return render(request, "accounts/api_key_revoke.html", {"key": key})
    services.revoke_api_key(member=request.member, key_id=key.id)
    messages.success(request, f"{key.name} is revoked.")
    return redirect(page_url(request, "keys"))
