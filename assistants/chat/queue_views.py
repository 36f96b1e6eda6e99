"""Questions that wait, and what an open page asks for: is there anything new?"""

from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.chat import news, presenters, queries, queueing
from assistants.chat.services import Turn
from assistants.chat.tree import Tree
from assistants.models import Conversation, FollowUp
from usage.pace.middleware import starts_runs

QUEUE = "assistants/_follow_ups.html"


@requires(Permission.VIEW)
@require_safe
def conversation_news(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """What a page does not show yet, as a fragment; 204 when it shows all. `after`: its last message; `run`: that
    one's run; `queue`: the mark of the questions that it shows waiting."""
    row = queries.access_conversation(request.member, conversation_id)
    after = read_uuid(request.GET.get("after"))
    messages = news.since(request, row, after, request.GET.get("run", ""))
    queue = news.queue_of(request, row)
    is_same = queue.mark == request.GET.get("queue", "")
    if is_same and not messages:
        return HttpResponse(status=204)
    return render(
        request, "assistants/_news.html", {"messages": messages, "conversation": row, "queue": queue}
    )


@requires(Permission.CHAT)
@starts_runs
@require_POST
def follow_up_send(request: MemberRequest, follow_up_id: UUID) -> HttpResponse:
    """Asks it now: after a refusal, a stop or a failure."""
    row = queries.access_follow_up(request.member, follow_up_id)
    made = queueing.send_now(member=request.member, follow_up=row)
    after = read_uuid(request.POST.get("after"))
    return shown(request, row.conversation, made, after=after, is_queue_changed=True)


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def follow_up_remove(request: MemberRequest, follow_up_id: UUID) -> HttpResponse:
    row = queries.access_follow_up(request.member, follow_up_id)
    queueing.remove(follow_up=row)
    if request.htmx:
        return queue_shown(request, row.conversation)
    return see_other(page_url(request, "conversation", conversation_id=row.conversation_id))


def shown(
    request: MemberRequest,
    conversation: Conversation,
    made: Turn | FollowUp,
    *,
    after: UUID | None,
    is_queue_changed: bool = False,
) -> HttpResponse:
    """What became of a question, on a page whose last message is `after`; one that shows another branch is left."""
    url = page_url(request, "conversation", conversation_id=conversation.id)
    if not request.htmx:
        return see_other(url)
    if isinstance(made, FollowUp):
        return queue_shown(request, conversation)
    ids = [made.question.id, made.answer.id]
    if after != made.question.parent_id:
        ids = Tree(queries.list_nodes(conversation)).path(after, made.answer.id)
        if not ids:
            return HttpResponseClientRedirect(url)
    context = {"messages": presenters.turn(request, conversation, ids), "conversation": conversation}
    if not is_queue_changed:
        return render(request, "assistants/_turn.html", context)
    context["queue"] = news.queue_of(request, conversation)
    return render(request, "assistants/_news.html", {**context, "is_beside": True})


def queue_shown(request: MemberRequest, conversation: Conversation) -> HttpResponse:
    context = {"queue": news.queue_of(request, conversation), "conversation": conversation}
    response = render(request, QUEUE, context)
    response["HX-Retarget"], response["HX-Reswap"] = "#follow-ups", "outerHTML"
    return response


def read_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def see_other(url: str) -> HttpResponseRedirect:
    response = redirect(url)
    response.status_code = 303
    return response
