"""The workspace's first page."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.links import page_url
from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from assistants.builder import presenters as builder_presenters
from assistants.builder import queries as builder_queries
from assistants.chat import queries
from assistants.chat.queries import RecentConversation
from assistants.models import Assistant
from usage import money
from usage import queries as usage_queries

RECENT = 6


@requires(Permission.VIEW)
@require_safe
def dashboard(request: MemberRequest) -> HttpResponse:
    conversations = queries.list_recent(request.member, limit=RECENT)
    assistants = list(builder_queries.list_assistants(request.member))
    context = {
        "greeting_name": request.user.name,
        "stats": _stats(request),
        "recent_conversations": [_conversation(request, row) for row in conversations],
        "assistants": [_assistant(request, row) for row in assistants],
        "onboarding": [
            {
                "label": "Ask a first question",
                "is_done": bool(conversations),
                "url": page_url(request, "chat"),
            },
            {
                "label": "Make an assistant of your own",
                "is_done": len(assistants) > 1,
                "url": page_url(request, "assistant-templates"),
            },
        ],
    }
    return render(request, "dashboard.html", context)


def _conversation(request: MemberRequest, row: RecentConversation) -> dict[str, object]:
    return {
        "id": row.id,
        "title": row.title,
        "updated_at": row.updated_at,
        "is_running": row.is_running,
        "url": page_url(request, "conversation", conversation_id=row.id),
    }


def _assistant(request: MemberRequest, row: Assistant) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "model": row.model,
        "initials": row.name[:1],
        "image": builder_presenters.avatar_url(request, row),
        "url": page_url(request, "assistant-edit", assistant_id=row.id),
        "chat_url": f"{page_url(request, 'chat')}?assistant={row.id}",
    }


def _stats(request: MemberRequest) -> list[dict[str, str]]:
    totals = usage_queries.month_totals(workspace_id=request.workspace.id, zone=request.workspace.timezone)
    since = timezone.localdate().strftime("%B")
    return [
        {"label": "Answers", "value": f"{totals.messages:,}", "hint": f"in {since}"},
        {"label": "Tokens", "value": f"{totals.tokens:,}", "hint": f"in {since}, read and written"},
        {
            "label": "Cost",
            "value": money.rounded(totals.cost_micro),
            "hint": f"in {since}, whole workspace",
        },
    ]
