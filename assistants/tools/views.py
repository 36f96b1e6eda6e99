"""What a person decides about tools: a call that waits, and what stands for all later ones."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.chat import presenters as chat
from assistants.models import ToolCall
from assistants.tools import presenters, queries, services
from assistants.tools.services import Decision
from usage.pace.middleware import starts_runs


@requires(Permission.VIEW)
@require_safe
def tool_choices(request: MemberRequest) -> HttpResponse:
    return render(request, "tools/choices.html", {"choices": presenters.choices(request)})


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def tool_choice_forget(request: MemberRequest, assistant_id: UUID) -> HttpResponse:
    """`tool`: which one."""
    row = queries.access_choice(request.member, assistant_id, request.POST.get("tool", ""))
    services.forget_choice(member=request.member, choice=row)
    messages.success(request, "You are asked again from now on.")
    return redirect(page_url(request, "tool-choices"))


@requires(Permission.CHAT)
@starts_runs
@require_POST
def tool_approve(request: MemberRequest, call_id: UUID) -> HttpResponse:
    """`for`: once, or always. A call that was decided before stays as it is."""
    stands = request.POST.get("for") == "always"
    return _decide(request, call_id, Decision.ALWAYS if stands else Decision.ONCE)


@requires(Permission.CHAT)
@starts_runs
@require_POST
def tool_refuse(request: MemberRequest, call_id: UUID) -> HttpResponse:
    """`for`: once, or always."""
    stands = request.POST.get("for") == "always"
    return _decide(request, call_id, Decision.NEVER if stands else Decision.NO)


def _decide(request: MemberRequest, call_id: UUID, decision: Decision) -> HttpResponse:
    call = queries.access_call(request.member, call_id)
    services.decide(member=request.member, call=call, decision=decision)
    return _shown(request, call)


def _shown(request: MemberRequest, call: ToolCall) -> HttpResponse:
    """The answer, as a fragment or on its page."""
    message = call.run.message
    assert message is not None, "a call that is decided belongs to an answer"
    if not request.htmx:
        response = redirect(page_url(request, "conversation", conversation_id=message.conversation_id))
        response.status_code = 303
        return response
    views = chat.turn(request, message.conversation, [message.id])
    context = {"message": views[0], "conversation": message.conversation}
    return render(request, "assistants/_message.html", context)
