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
from accounts.forms import ApiKeyForm
from accounts.key_examples import examples_for
from accounts.links import page_url
from accounts.models import ApiKey
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest

KEYS_PER_PAGE = 25


@requires(Permission.KEYS_MANAGE)
@require_safe
def key_list(request: MemberRequest) -> HttpResponse:
    paginator = Paginator(queries.list_unrevoked_api_keys(request.member), KEYS_PER_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    return render(request, "accounts/api_key_list.html", {"keys": _rows(page), "page": page})


def _rows(page: Page[ApiKey]) -> list[dict[str, Any]]:
    now = timezone.now()
    return [
        {
            "id": key.id,
            "name": key.name,
            "prefix": key.prefix,
            "scopes": key.scopes,
            "created_at": key.created_at,
            "last_used_at": key.last_used_at,
            "expires_at": key.expires_at,
            "is_expired": key.expires_at is not None and key.expires_at <= now,
            "dialog_id": f"revoke-{key.id}",
            "question": f"Revoke {key.name}?",
        }
        for key in page
    ]


@requires(Permission.KEYS_MANAGE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def key_create(request: MemberRequest) -> HttpResponse:
    """The new key is in the answer to the POST, and neither stored nor shown again: no redirect could carry it."""
    form = ApiKeyForm(request.POST if request.method == "POST" else None, allowed=request.member.permissions)
    if not form.is_valid():
        status = 422 if form.errors else 200
        return render(request, "accounts/api_key_form.html", {"form": form}, status=status)
    key, text = services.create_api_key(
        member=request.member,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_at=form.expires_at,
    )
    examples = examples_for(
        text, scopes=key.scopes, base_url=settings.BASE_URL, model=settings.CHAT_MODELS[0]
    )
    context = {"key": key, "text": text, "examples": examples}
    return render(request, "accounts/api_key_created.html", context, status=201)


@requires(Permission.KEYS_MANAGE)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def key_revoke(request: MemberRequest, key_id: UUID) -> HttpResponse:
    """Asks on a page of its own where the list's dialog cannot: without scripts."""
    key = queries.access_api_key(request.member, key_id)
    if request.method != "POST":
        return render(request, "accounts/api_key_revoke.html", {"key": key})
    services.revoke_api_key(member=request.member, key_id=key.id)
    messages.success(request, f"{key.name} is revoked.")
    return redirect(page_url(request, "keys"))
