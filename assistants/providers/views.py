"""Settings: a workspace's own providers of models."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.models import Provider
from assistants.providers import forms, listing, pacing, presenters, queries, services
from assistants.providers.forms import ProviderForm
from assistants.providers.refusals import TooManyTests
from config import errors
from usage.features import queries as features
from usage.features.keys import Feature


@requires(Permission.WORKSPACE_MANAGE)
@require_safe
def provider_list(request: MemberRequest) -> HttpResponse:
    context = {
        "rows": [presenters.row(each) for each in queries.list_providers()],
        "platform": presenters.platform(request),
        "has_own_keys": features.has(request.workspace.id, Feature.OWN_KEYS),
    }
    return render(request, "providers/list.html", context)


@requires(Permission.WORKSPACE_MANAGE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def provider_add(request: MemberRequest) -> HttpResponse:
    """Saved first, then tested: a server that is away loses nobody's typing."""
    if request.method != "POST":
        return _form(request, ProviderForm(initial={"kind": Provider.Kind.OPENAI}), None)
    form = ProviderForm(request.POST)
    if not form.is_valid():
        return _form(request, form, None, status=422)
    try:
        made = services.add_provider(member=request.member, wanted=form.wanted)
    except errors.DomainError as refused:
        return _refused(request, form, None, refused)
    _test(request, made, f"{made.name} is saved.")
    return redirect(page_url(request, "model-provider", provider_id=made.id))


@requires(Permission.WORKSPACE_MANAGE)
@require_safe
def provider_page(request: MemberRequest, provider_id: UUID) -> HttpResponse:
    provider = queries.access_provider(request.member, provider_id)
    return render(request, "providers/provider.html", presenters.page(provider))


@requires(Permission.WORKSPACE_MANAGE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def provider_edit(request: MemberRequest, provider_id: UUID) -> HttpResponse:
    provider = queries.access_provider(request.member, provider_id)
    if request.method != "POST":
        return _form(request, ProviderForm(initial=forms.initial_of(provider), provider=provider), provider)
    form = ProviderForm(request.POST, provider=provider)
    if not form.is_valid():
        return _form(request, form, provider, status=422)
    try:
        services.edit_provider(member=request.member, provider=provider, wanted=form.wanted)
    except errors.DomainError as refused:
        return _refused(request, form, provider, refused)
    saved = queries.access_provider(request.member, provider_id)
    if saved.tested_at is None:
        _test(request, saved, f"{saved.name} is saved.")
    else:
        messages.success(request, f"{saved.name} is saved.")
    return redirect(page_url(request, "model-provider", provider_id=provider.id))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def provider_switch(request: MemberRequest, provider_id: UUID) -> HttpResponse:
    """`on`: 1 or 0."""
    provider = queries.access_provider(request.member, provider_id)
    is_on = request.POST.get("on") == "1"
    services.switch_provider(member=request.member, provider=provider, is_on=is_on)
    words = "is on: its models can be chosen." if is_on else "is off: none of its models answers."
    messages.success(request, f"{provider.name} {words}")
    return redirect(page_url(request, "model-provider", provider_id=provider.id))


@requires(Permission.WORKSPACE_MANAGE)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def provider_remove(request: MemberRequest, provider_id: UUID) -> HttpResponse:
    """Asks on a page of its own where the dialog cannot: without scripts."""
    provider = queries.access_provider(request.member, provider_id)
    if request.method != "POST":
        return render(request, "providers/remove.html", {"provider": provider})
    services.remove_provider(member=request.member, provider=provider)
    messages.success(request, f"{provider.name} is removed, and its key with it.")
    return redirect(page_url(request, "model-providers"))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def provider_test(request: MemberRequest, provider_id: UUID) -> HttpResponse:
    provider = queries.access_provider(request.member, provider_id)
    pacing.count(request, request.workspace.id)
    found = services.test_provider(member=request.member, provider=provider)
    _tell(request, provider, found)
    return redirect(page_url(request, "model-provider", provider_id=provider.id))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def provider_choose(request: MemberRequest, provider_id: UUID) -> HttpResponse:
    """`shown`: ids that the page had, with commas; `offered` and `vision`: those that are ticked."""
    provider = queries.access_provider(request.member, provider_id)
    services.choose_models(
        member=request.member,
        provider=provider,
        shown=_ids(request.POST.get("shown", "").split(",")),
        chosen=_ids(request.POST.getlist("offered")),
        seeing=_ids(request.POST.getlist("vision")),
    )
    messages.success(request, "Saved. It holds from the next question on.")
    return redirect(page_url(request, "model-provider", provider_id=provider.id))


def _ids(texts: list[str]) -> set[int]:
    return {int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19}


def _test(request: MemberRequest, provider: Provider, words: str) -> None:
    """After a save. What it refuses is no failure of the save."""
    messages.success(request, words)
    if pacing.asked_enough(request, request.workspace.id):
        messages.warning(request, TooManyTests.message)
        return
    try:
        found = services.test_provider(member=request.member, provider=provider)
    except errors.DomainError as refused:
        messages.warning(request, refused.message)
    else:
        _tell(request, provider, found)


def _tell(request: MemberRequest, provider: Provider, found: listing.Listing) -> None:
    sentence = listing.SENTENCES[found.code]
    if not found.is_ok:
        messages.error(request, f"{provider.name}: {sentence} ({found.code})")
        return
    left_out = f" {found.left_out} were left out." if found.left_out else ""
    messages.success(request, f"{provider.name} answers. Models in its list: {len(found.models)}.{left_out}")


def _refused(
    request: MemberRequest, form: ProviderForm, provider: Provider | None, refused: errors.DomainError
) -> HttpResponse:
    if isinstance(refused, features.FeatureNotIncluded):
        return _form(request, form, provider, status=refused.status, problem=refused)
    form.refuse(refused)
    return _form(request, form, provider, status=refused.status)


def _form(
    request: MemberRequest,
    form: ProviderForm,
    provider: Provider | None,
    *,
    status: int = 200,
    problem: errors.DomainError | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "provider": provider}
    if problem:
        context |= {"problem": problem, "title": errors.title_of(problem), "code": problem.code}
    return render(request, "providers/form.html", context, status=status)
