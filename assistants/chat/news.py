"""What an open page of a conversation does not show yet, and the questions of its reader that wait."""

from dataclasses import dataclass
from uuid import UUID

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.chat import followers, presenters, queries, queueing
from assistants.chat.presenters import MessageView
from assistants.chat.tree import Tree
from assistants.models import Conversation, FollowUp, Run
from assistants.runs import words

UNASKED = words.Words("This was not asked", "Something refused it. Try again, or change it.")
HELD = {
    "stopped": "The answer before was stopped. Your questions wait until you send them.",
    "failed": "The answer before failed. Your questions wait until you send them.",
    "asks": "Your questions wait until you have decided about the tool.",
}


@dataclass(frozen=True)
class FollowUpView:
    """`error`: why it was not asked. `can_send`: it does not go by itself."""

    id: UUID
    text: str
    files: int
    error: words.Words | None
    can_send: bool
    send_url: str
    edit_url: str
    remove_url: str


@dataclass(frozen=True)
class Queue:
    """`mark`: what a page says to be told only of changes."""

    rows: list[FollowUpView]
    note: str
    mark: str


def queue_of(request: MemberRequest, conversation: Conversation) -> Queue:
    """The reader's own: nobody reads what another has not asked yet. One query, with any that wait three."""
    rows = queries.follow_ups_of(request.member, conversation)
    if not rows:
        return Queue([], "", "")
    states = _states(conversation, rows)
    if any(states[row.id] == "ready" and not row.error_code for row in rows):
        followers.wake(workspace_id=request.member.workspace_id, conversation_id=conversation.id)
    held = next((states[row.id] for row in rows if states[row.id] in HELD), "")
    return Queue(
        [_view(request, row, states[row.id]) for row in rows],
        HELD.get(held, ""),
        "_".join(f"{row.id.hex[:12]}.{states[row.id]}.{row.error_code}" for row in rows),
    )


def _states(conversation: Conversation, rows: list[FollowUp]) -> dict[UUID, str]:
    """follow-up → what the answer before it is up to: running, ready, or a key of HELD."""
    tree = Tree(queries.list_nodes(conversation))
    leaves = {row.id: queueing.leaf_of(tree, conversation, row.after_id) for row in rows}
    runs = queries.latest_runs([leaf for leaf in leaves.values() if leaf])
    return {row_id: _state(runs.get(leaf) if leaf else None) for row_id, leaf in leaves.items()}


def _state(run: Run | None) -> str:
    if queueing.lets_go_on(run):
        return "ready"
    assert run is not None
    if run.state == Run.State.DONE:
        return "asks"
    return run.state if run.is_final else "running"


def _view(request: MemberRequest, row: FollowUp, state: str) -> FollowUpView:
    def url(name: str) -> str:
        return page_url(request, name, follow_up_id=row.id)

    return FollowUpView(
        id=row.id,
        text=row.text,
        files=len(row.attachments),
        error=words.BY_CODE.get(row.error_code, UNASKED) if row.error_code else None,
        can_send=bool(row.error_code) or state in HELD,
        send_url=url("follow-up-send"),
        edit_url=url("follow-up-edit"),
        remove_url=url("follow-up-remove"),
    )


def since(
    request: MemberRequest, conversation: Conversation, after: UUID | None, run_id: str
) -> list[MessageView]:
    """The message `after` when it is answered by another run than `run_id`, and what follows it on the newest branch.

    Two queries when there is nothing, the same number for one message and for many otherwise."""
    spot = queries.spot_of(conversation, after)
    if after is None or spot is None:
        return []
    latest = queries.latest_runs([after]).get(after)
    ids = [after] if latest is not None and str(latest.id) != run_id else []
    if spot.is_answered:
        tree = Tree(queries.list_nodes(conversation))
        leaf_id = tree.leaf_below(after)
        ids += tree.path(after, leaf_id)[-presenters.WINDOW :] if leaf_id else []
    return presenters.turn(request, conversation, ids) if ids else []
