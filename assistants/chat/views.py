"""Pages of conversations. Every address works as a full page; htmx gets the part that changed."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.links import page_url
from accounts.permissions import Permission, check, open_while_read_only, requires
from accounts.requests import MemberRequest
from assistants.builder import queries as builder_queries
from assistants.chat import asking, attaching, news, presenters, queries, queue_views, queueing, services
from assistants.chat.asking import Asked
from assistants.chat.queue_views import read_uuid, see_other
from assistants.chat.tree import Tree
from assistants.models import Assistant, Conversation, Message, Project
from assistants.projects import queries as projects
from assistants.prompting import given
from assistants.runs import responder
from assistants.runs import services as runs
from config import errors
from usage.pace.middleware import starts_runs

PAGE = "assistants/chat.html"


@requires(Permission.VIEW)
@starts_runs
@require_http_methods(["GET", "HEAD", "POST"])
def chat(request: MemberRequest) -> HttpResponse:
    """GET: an empty composer. POST: starts a conversation."""
    if request.method != "POST":
        return render(request, PAGE, _new_context(request))
    check(request.member, Permission.CHAT)
    asked = asking.read(request)
    if asked.refusals:
        return _again(request, asked, None)
    try:
        turn = services.start_conversation(
            member=request.member,
            assistant=_chosen_assistant(request, request.POST.get("assistant")),
            text=asked.text,
            client_id=read_uuid(request.POST.get("client_id")),
            choices=_choices(request),
            attachments=asked.attachments,
        )
    except attaching.AttachmentRefused as refusal:
        return _again(request, asking.refused(asked, refusal), None, refusal)
    url = page_url(request, "conversation", conversation_id=turn.conversation.id)
    return HttpResponseClientRedirect(url) if request.htmx else see_other(url)


@requires(Permission.VIEW)
@require_safe
def conversation(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """`?at=<message>` shows the newest branch through that message and remembers it; `?before=<message>` what stands
    before it, for htmx as a piece of the transcript."""
    row = queries.access_conversation(request.member, conversation_id)
    leaf_id = row.current_leaf_id
    at = read_uuid(request.GET.get("at"))
    if at is not None:
        tree = Tree(queries.list_nodes(row))
        if at not in tree.by_id:
            raise errors.NotFound()
        leaf_id = tree.leaf_below(at)
        services.show_branch(conversation=row, leaf_id=leaf_id)
    before = read_uuid(request.GET.get("before"))
    if before is not None and request.htmx:
        shown = presenters.transcript(request, row, leaf_id, before=before)
        return render(request, "assistants/_earlier.html", {**_shown(shown), "conversation": row})
    return render(request, PAGE, _conversation_context(request, row, leaf_id, before=before, at=at))


@requires(Permission.VIEW)
@require_safe
def conversation_cost(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """The figure in the page's header as a fragment; it is asked for again when an answer ends."""
    row = queries.access_conversation(request.member, conversation_id)
    context = {"conversation": row, "conversation_cost": presenters.conversation_cost(row)}
    return render(request, "assistants/_conversation_cost.html", context)


@requires(Permission.CHAT)
@starts_runs
@require_POST
def message_send(request: MemberRequest, conversation_id: UUID) -> HttpResponse:
    """`parent`: the last message that the page shows. While an answer runs the question waits for its end."""
    row = queries.access_conversation(request.member, conversation_id)
    asked = asking.read(request)
    if asked.refusals:
        return _again(request, asked, row)
    parent_id = read_uuid(request.POST.get("parent")) or row.current_leaf_id
    try:
        made = queueing.ask(
            member=request.member,
            conversation=row,
            text=asked.text,
            parent_id=parent_id,
            client_id=read_uuid(request.POST.get("client_id")),
            attachments=asked.attachments,
        )
    except attaching.AttachmentRefused as refusal:
        return _again(request, asking.refused(asked, refusal), row, refusal)
    return queue_views.shown(request, row, made, after=parent_id)


@requires(Permission.CHAT)
@open_while_read_only
@require_POST
def follow_up_edit(request: MemberRequest, follow_up_id: UUID) -> HttpResponse:
    """Takes it back into the composer: static/js/queue.js puts it there, without scripts the page comes with it."""
    waiting = queries.access_follow_up(request.member, follow_up_id)
    row = waiting.conversation
    again = Asked(queueing.remove(follow_up=waiting), [UUID(each) for each in waiting.attachments])
    if request.htmx:
        return queue_views.queue_shown(request, row)
    page = _conversation_context(request, row, row.current_leaf_id)
    return render(request, PAGE, page | asking.filled(request, again))


@requires(Permission.VIEW)
@require_safe
def message(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """One message as a fragment: what replaces the streamed text when the answer is done."""
    return _one(request, queries.access_message(request.member, conversation_id, message_id))


def _one(request: MemberRequest, row: Message) -> HttpResponse:
    views = presenters.turn(request, row.conversation, [row.id])
    return render(
        request, "assistants/_message.html", {"message": views[0], "conversation": row.conversation}
    )


@requires(Permission.CHAT)
@starts_runs
@require_POST
def message_edit(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    row = queries.access_message(request.member, conversation_id, message_id)
    turn = services.edit_question(member=request.member, question=row, text=request.POST.get("text", ""))
    return _after_branch(request, turn)


@requires(Permission.CHAT)
@starts_runs
@require_POST
def message_regenerate(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    row = queries.access_message(request.member, conversation_id, message_id)
    return _after_branch(request, services.regenerate(member=request.member, answer=row))


@requires(Permission.CHAT)
@starts_runs
@require_POST
def message_retry(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    row = queries.access_message(request.member, conversation_id, message_id)
    return _after_branch(request, services.retry(member=request.member, answer=row))


@requires(Permission.VIEW)
@open_while_read_only
@require_POST
def message_rate(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """`thumb`: good, bad, or nothing to take it back."""
    row = queries.access_message(request.member, conversation_id, message_id)
    is_good = {"good": True, "bad": False}.get(request.POST.get("thumb", ""))
    services.rate(member=request.member, answer=row, is_good=is_good, comment=request.POST.get("comment", ""))
    if request.htmx:
        return _one(request, row)
    return see_other(page_url(request, "conversation", conversation_id=conversation_id))


@requires(Permission.CHAT)
@require_POST
def message_fork(request: MemberRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    row = queries.access_message(request.member, conversation_id, message_id)
    made = services.fork(member=request.member, message=row)
    return see_other(page_url(request, "conversation", conversation_id=made.id))


@requires(Permission.VIEW)
@require_GET
def run_events(request: MemberRequest, run_id: UUID) -> HttpResponse:
    run = queries.access_run(request.member, run_id)
    return responder.stream_run(request, member=request.member, run=run)


@requires(Permission.CHAT)
@open_while_read_only
@require_POST
def run_stop(request: MemberRequest, run_id: UUID) -> HttpResponse:
    """Ends the answer; what was said stays. 204 also when it had ended already."""
    run = queries.access_run(request.member, run_id)
    runs.stop_run(workspace_id=request.member.workspace_id, run=run)
    if request.htmx or request.headers.get("X-Requested-With"):
        return HttpResponse(status=204)
    back = queries.get_conversation_id(run)
    return see_other(
        page_url(request, "conversation", conversation_id=back) if back else page_url(request, "chat")
    )


def _after_branch(request: MemberRequest, turn: services.Turn) -> HttpResponse:
    if not request.htmx:
        return see_other(page_url(request, "conversation", conversation_id=turn.conversation.id))
    shown = presenters.transcript(request, turn.conversation, turn.answer.id)
    return render(
        request, "assistants/_transcript.html", {**_shown(shown), "conversation": turn.conversation}
    )


def _again(
    request: MemberRequest,
    asked: Asked,
    row: Conversation | None,
    refusal: attaching.AttachmentRefused | None = None,
) -> HttpResponse:
    """The page with what was written and given still in it; for htmx, whose page has it, the refusal alone."""
    if request.htmx and refusal is not None:
        raise refusal
    page = _new_context(request) if row is None else _conversation_context(request, row, row.current_leaf_id)
    return render(request, PAGE, page | asking.filled(request, asked), status=asked.status)


def _new_context(request: MemberRequest) -> dict[str, object]:
    chosen = request.POST if request.method == "POST" else request.GET
    return {
        **_assistants(request, _chosen_assistant(request, chosen.get("assistant"))),
        "conversation": None,
        "draft_key": "new",
        "project": _project(request, chosen.get("project")),
    }


def _shown(shown: presenters.Transcript) -> dict[str, object]:
    return {
        "messages": shown.messages,
        "earlier_url": shown.earlier_url,
        "later_url": shown.later_url,
        "leaf_id": shown.leaf_id,
    }


def _conversation_context(
    request: MemberRequest, row: Conversation, leaf_id: UUID | None, **part: UUID | None
) -> dict[str, object]:
    shown = presenters.transcript(request, row, leaf_id, **part)
    return {
        **_assistants(request, row.assistant),
        "queue": news.queue_of(request, row),
        "conversation": row,
        **_shown(shown),
        "conversation_cost": presenters.conversation_cost(row),
        "draft_key": str(row.id),
    }


def _assistants(request: MemberRequest, selected: Assistant) -> dict[str, object]:
    rows = list(builder_queries.list_assistants(request.member))
    seeing = given.seeing({selected.model, *(row.model for row in rows)})
    return {
        "assistant": selected,
        "sees_images": selected.model in seeing,
        "assistants": [
            {
                "id": row.id,
                "name": row.name,
                "is_selected": row.id == selected.id,
                "sees_images": row.model in seeing,
            }
            for row in rows
        ],
    }


def _project(request: MemberRequest, text: str | None) -> Project | None:
    chosen = read_uuid(text)
    return projects.access_project(request.member, chosen) if chosen else None


def _choices(request: MemberRequest) -> services.Choices:
    return services.Choices(
        project=_project(request, request.POST.get("project")),
        is_temporary=request.POST.get("temporary") == "1",
    )


def _chosen_assistant(request: MemberRequest, text: str | None) -> Assistant:
    chosen, member = read_uuid(text), request.member
    return (
        builder_queries.access_assistant(member, chosen)
        if chosen
        else builder_queries.get_default_assistant(member)
    )
