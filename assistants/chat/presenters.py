"""Conversations as pages show them: plain values, made in a constant number of queries."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.chat import attaching, file_presenters, queries
from assistants.chat.tree import Place, Tree
from assistants.documents import citing
from assistants.memory import presenters as memory
from assistants.models import Conversation, Message, Run
from assistants.rendering import markdown
from assistants.runs import words
from assistants.tools import presenters as tools
from usage import money
from usage import queries as usage_queries
from usage.holds import queries as holds_queries

WINDOW = 40
"""Messages shown at once: what a page of a long conversation costs does not grow with it."""


@dataclass(frozen=True)
class Siblings:
    index: int
    total: int
    prev_url: str
    next_url: str


@dataclass
class MessageView:
    id: UUID
    role: str
    text: str
    created_at: datetime
    url: str
    edit_url: str = ""
    regenerate_url: str = ""
    retry_url: str = ""
    html: str = ""
    state: str = "final"
    is_waiting: bool = False
    error: dict[str, Any] | None = None
    note: str = ""
    run_id: UUID | None = None
    events_url: str = ""
    stop_url: str = ""
    receipt_url: str = ""
    assistant_name: str = ""
    model: str = ""
    siblings: Siblings | None = None
    can_edit: bool = False
    can_regenerate: bool = False
    can_retry: bool = False
    usage: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    thumb: str = ""
    comment: str = ""
    rate_url: str = ""
    fork_url: str = ""
    sources: list[citing.Source] = field(default_factory=list)
    files: list[file_presenters.FileView] = field(default_factory=list)

    memories: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tools.CallView] = field(default_factory=list)

    @property
    def moment(self) -> str:
        """For machines; `clock` for people, in the zone of who looks."""
        return timezone.localtime(self.created_at).isoformat()

    @property
    def clock(self) -> str:
        return f"{timezone.localtime(self.created_at):%H:%M}"

    @property
    def cites(self) -> bool:
        return any(source.is_cited for source in self.sources)


@dataclass(frozen=True)
class Transcript:
    """A part of the shown branch, with the addresses of what is before and after it. `leaf_id`: the branch's end."""

    messages: list[MessageView]
    earlier_url: str
    later_url: str
    leaf_id: UUID | None


def transcript(
    request: MemberRequest,
    conversation: Conversation,
    leaf_id: UUID | None,
    *,
    before: UUID | None = None,
    at: UUID | None = None,
) -> Transcript:
    """The last WINDOW messages of the shown branch, or those before `before`, or those around `at`.

    The same queries whatever its length."""
    places = Tree(queries.list_nodes(conversation)).branch(leaf_id)
    numbers = {place.message.id: number for number, place in enumerate(places)}
    ends = numbers.get(before, len(places)) if before else len(places)
    if at in numbers and numbers[at] < ends - WINDOW:
        ends = min(len(places), numbers[at] + WINDOW // 2)
    begins = max(0, ends - WINDOW)
    base = page_url(request, "conversation", conversation_id=conversation.id)
    return Transcript(
        _present(request, conversation, places[begins:ends]),
        f"{base}?before={places[begins].message.id}" if begins else "",
        base if ends < len(places) else "",
        places[-1].message.id if places else None,
    )


def turn(request: MemberRequest, conversation: Conversation, message_ids: list[UUID]) -> list[MessageView]:
    """Some messages of a conversation, for a fragment."""
    tree = Tree(queries.list_nodes(conversation))
    places = []
    for message_id in message_ids:
        message = tree.by_id[message_id]
        siblings = tree.children[message.parent_id]
        places.append(Place(message, siblings, siblings.index(message_id)))
    return _present(request, conversation, places)


def _present(request: MemberRequest, conversation: Conversation, places: list[Place]) -> list[MessageView]:
    ids = [place.message.id for place in places]
    base = page_url(request, "conversation", conversation_id=conversation.id)
    receipts = page_url(request, "receipts")
    written = queries.written_in(ids)
    runs = queries.latest_runs(ids)
    thumbs = queries.feedback_of(request.member, ids)
    given = attaching.given_with(ids)
    waiting = holds_queries.list_waiting(run.id for run in runs.values() if run.state == Run.State.QUEUED)
    can_chat = request.member.can_chat
    views = []
    for place in places:
        view = _base(base, place, written[place.message.id])
        if place.message.role == Message.Role.USER:
            view.can_edit = can_chat
            view.files = [file_presenters.shown(request, row) for row in given.get(place.message.id, [])]
        else:
            run = runs.get(place.message.id)
            _add_run(request, view, run, conversation, can_chat=can_chat)
            view.receipt_url = (
                f"{receipts}{run.receipt_id}/" if run and run.is_final and run.receipt_id else ""
            )
            thumb = thumbs.get(place.message.id)
            view.thumb = "" if thumb is None else "good" if thumb.is_good else "bad"
            view.comment = thumb.comment if thumb else ""
            view.is_waiting = run is not None and run.id in waiting
        views.append(view)
    _add_memories(request, views)
    calls = tools.calls_of(request, list(runs.values()))
    for view in views:
        view.calls = calls.get(view.run_id, []) if view.run_id else []
    return views


def _add_memories(request: MemberRequest, views: list[MessageView]) -> None:
    """One query, when any of the answers remembered something."""
    found = memory.used_in(request, [view.context for view in views])
    for view in views:
        view.memories = [found[row["id"]] for row in view.context.get("used", []) if row["id"] in found]


def _base(base: str, place: Place, written: queries.Written) -> MessageView:
    """`base`: the conversation's address, found once: forty messages have hundreds of addresses below it."""
    message = place.message
    url = f"{base}messages/{message.id}/"
    return MessageView(
        id=message.id,
        role=message.role,
        text=written.text,
        created_at=written.created_at,
        url=url,
        edit_url=f"{url}edit/",
        regenerate_url=f"{url}regenerate/",
        retry_url=f"{url}retry/",
        rate_url=f"{url}rate/",
        fork_url=f"{url}fork/",
        siblings=_siblings(base, place),
    )


def _siblings(base: str, place: Place) -> Siblings | None:
    if len(place.siblings) < 2:
        return None

    def link(index: int) -> str:
        return f"{base}?at={place.siblings[index]}" if 0 <= index < len(place.siblings) else ""

    return Siblings(place.index + 1, len(place.siblings), link(place.index - 1), link(place.index + 1))


def _add_run(
    request: MemberRequest, view: MessageView, run: Run | None, conversation: Conversation, *, can_chat: bool
) -> None:
    view.assistant_name = conversation.assistant.name
    if run is None:
        # From elsewhere, or erased as a run: the text is there.
        view.html = markdown.render(view.text) if view.text else ""
        return
    view.run_id, view.model, view.context = run.id, run.model, run.context
    view.state = "final" if run.state == Run.State.DONE else run.state
    if not run.is_final:
        view.text = run.text
        view.events_url = page_url(request, "run-events", run_id=run.id)
        view.stop_url = page_url(request, "run-stop", run_id=run.id)
        return
    view.sources = citing.sources(request, run.context, view.text)
    view.html = citing.link(markdown.render(view.text), view.sources) if view.text else ""
    view.can_regenerate = can_chat
    view.can_retry = can_chat and run.state != Run.State.DONE
    view.usage = {
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "cost_display": money.as_text(run.cost_micro),
        "is_estimated": run.is_estimated,
    }
    view.note = words.NOTES.get(run.finish_reason, "") if run.state == Run.State.DONE else ""
    if run.state == Run.State.FAILED:
        view.error = problem(run)


def problem(run: Run) -> dict[str, Any]:
    found = words.of(run.error_code)
    return {
        "code": run.error_code,
        "title": found.title,
        "message": found.message,
        "action": found.action,
        "retry_at": run.retry_at,
    }


def conversation_cost(conversation: Conversation) -> str:
    """All branches together. One query."""
    return money.as_text(usage_queries.cost_of_holds(queries.run_ids_of(conversation)))
