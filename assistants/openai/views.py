"""`/v1/`: OpenAI's protocol, so that any of its clients works by changing the base URL."""

from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts import permissions
from accounts.idempotency.middleware import attaches_to_runs
from accounts.permissions import Permission
from accounts.requests import MemberRequest
from assistants.builder import queries as builder_queries
from assistants.llm import catalogue
from assistants.openai import requests, responder, services


@csrf_exempt
@require_POST
@attaches_to_runs
def chat_completions(request: MemberRequest) -> HttpResponse:
    permissions.check(request.member, Permission.CHAT)
    call = requests.read(request)
    run = services.earlier_run() or services.start_chat_completion(member=request.member, call=call)
    return responder.respond(request.member, run, call)


@csrf_exempt
@require_GET
def models(request: MemberRequest) -> HttpResponse:
    """The models that this workspace may use, the platform's and its own, and its assistants."""
    permissions.check(request.member, Permission.VIEW)
    choices = [row for row in catalogue.list_choices(request.member) if not row.refusal]
    rows: list[dict[str, object]] = [
        {
            "id": row.name,
            "object": "model",
            "created": 0,
            "owned_by": "workspace" if row.is_own else "platform",
        }
        for row in choices
    ]
    rows += [
        {
            "id": f"{requests.ASSISTANT_MARK}{row.slug}",
            "object": "model",
            "created": int(row.created_at.timestamp()),
            "owned_by": "workspace",
        }
        for row in builder_queries.list_assistants(request.member)
    ]
    return JsonResponse({"object": "list", "data": rows})
