"""Pages of an assistant's versions."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from assistants.builder import presenters, queries, services
from assistants.models import Assistant

PAGE_LENGTH = 30


@requires(Permission.ASSISTANTS_MANAGE)
@require_safe
def assistant_versions(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    assistant = queries.access_any(request.member, assistant_id)
    paginator = Paginator(queries.list_versions(assistant), PAGE_LENGTH)
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "assistant": assistant,
        "links": presenters.links_of(request, assistant),
        "versions": presenters.version_rows(request, assistant, list(page.object_list)),
        "numbers": list(queries.list_versions(assistant).values_list("number", flat=True)[:200]),
        "page": page,
    }
    return render(request, "assistants/assistant_versions.html", context)


@requires(Permission.ASSISTANTS_MANAGE)
@require_safe
def assistant_compare(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    """`?a=<number>&b=<number>`, side by side; without them the last two."""
    assistant = queries.access_any(request.member, assistant_id)
    numbers = list(queries.list_versions(assistant).values_list("number", flat=True)[:200])
    latest = numbers[0] if numbers else 0
    b = queries.access_version(assistant, _number(request.GET.get("b"), latest))
    a = queries.access_version(assistant, _number(request.GET.get("a"), max(b.number - 1, 1)))
    context = {
        "assistant": assistant,
        "links": presenters.links_of(request, assistant),
        "a": a,
        "b": b,
        "numbers": numbers,
        "rows": presenters.comparison(request, a, b),
    }
    return render(request, "assistants/assistant_compare.html", context)


@requires(Permission.ASSISTANTS_MANAGE)
@require_POST
def assistant_restore(request: MemberRequest, assistant_id: UUID, version_id: UUID) -> HttpResponse:
    assistant = queries.access_assistant(request.member, assistant_id)
    number = queries.access_version_of(assistant, version_id).number
    made = services.restore_version(member=request.member, assistant=assistant, number=number)
    told = f"Version {number} is saved again as version {made.number}."
    if assistant.pinned_number:
        told += f" Version {assistant.pinned_number} stays in use: it is pinned."
    messages.success(request, told)
    return _versions(request, assistant)


@requires(Permission.ASSISTANTS_MANAGE)
@require_POST
def assistant_pin(request: MemberRequest, assistant_id: UUID, version_id: UUID) -> HttpResponse:
    assistant = queries.access_assistant(request.member, assistant_id)
    number = queries.access_version_of(assistant, version_id).number
    services.pin_version(member=request.member, assistant=assistant, number=number)
    messages.success(request, f"Version {number} is in use, and stays so whatever is saved.")
    return _versions(request, assistant)


@requires(Permission.ASSISTANTS_MANAGE)
@require_POST
def assistant_unpin(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    assistant = queries.access_assistant(request.member, assistant_id)
    services.unpin_version(member=request.member, assistant=assistant)
    messages.success(request, "The last saved version is in use.")
    return _versions(request, assistant)


def _versions(request: MemberRequest, assistant: Assistant) -> HttpResponse:
    return redirect(page_url(request, "assistant-versions", assistant_id=assistant.id))


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 9 else otherwise
