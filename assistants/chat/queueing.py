"""Questions that are written while an answer runs: each waits for its turn, and is asked as its own person.

An answer that was finished lets the next one go. One that was stopped, that failed or that waits for a decision about a
tool holds the queue: what waits is kept, and its person sends it, edits it or takes it away.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import queries as accounts
from accounts.permissions import Member
from assistants.chat import queries, services
from assistants.chat.queries import Spot
from assistants.chat.services import Turn
from assistants.chat.tree import Tree
from assistants.models import Conversation, FollowUp, Run
from assistants.runs.rounds import APPROVAL
from config import errors
from tenants.scope import current_workspace

MOST_WAITING = 5
"""Of one person in one conversation."""


class TooManyWaiting(errors.DomainError):
    code = "follow_ups_full"
    status = 409
    message = f"{MOST_WAITING} of your questions wait already. Your text is kept in the box."


class FollowUpGone(errors.NotFound):
    code = "follow_up_gone"
    message = "This question does not wait any more: it was asked, or taken away."


def ask(
    *,
    member: Member,
    conversation: Conversation,
    text: str,
    parent_id: UUID | None,
    client_id: UUID | None = None,
    attachments: Iterable[UUID] = (),
) -> Turn | FollowUp:
    """Asks at the end of the newest branch through `parent_id`, or waits there while an answer runs.

    The same `client_id` again returns what it became. Raises TooManyWaiting, and what `send_message` does.
    """
    text = services.checked(text)
    with transaction.atomic():
        services.lock(conversation)
        rows = _waiting_in(conversation)
        earlier = next((row for row in rows if client_id and row.client_id == client_id), None)
        became = earlier or services.sent_already(conversation, client_id)
        if became is not None:
            return became
        spot = _end(conversation, parent_id)
        if spot is not None and (
            _is_awaited(conversation, spot.id, rows) or (spot.is_live and _runs(spot.id))
        ):
            return _queue(member, conversation, text, spot.id, client_id, rows, attachments)
        return services.ask_under(
            member=member,
            conversation=conversation,
            spot=spot,
            text=text,
            client_id=client_id,
            attachments=attachments,
        )


def _end(conversation: Conversation, message_id: UUID | None) -> Spot | None:
    """The end of the newest branch through a message: most often that message itself, in one query."""
    spot = queries.spot_of(conversation, message_id)
    if spot is None or spot.is_answered:
        tree = Tree(queries.list_nodes(conversation))
        spot = queries.spot_of(conversation, leaf_of(tree, conversation, message_id))
    return spot


def _is_awaited(conversation: Conversation, leaf_id: UUID, rows: list[FollowUp]) -> bool:
    """Others wait for this answer, which has ended, and are asked in a moment: they come first."""
    if not rows:
        return False
    tree = Tree(queries.list_nodes(conversation))
    return any(leaf == leaf_id for _, leaf in _ready(conversation, tree, rows))


def _waiting_in(conversation: Conversation) -> list[FollowUp]:
    return list(FollowUp.objects.filter(conversation=conversation).order_by("created_at", "id"))


def leaf_of(tree: Tree, conversation: Conversation, message_id: UUID | None) -> UUID | None:
    """Where a question goes that was written under `message_id`; the shown branch when that is not there."""
    known = message_id if message_id in tree.by_id else conversation.current_leaf_id
    return tree.leaf_below(known if known in tree.by_id else None)


def _runs(leaf_id: UUID) -> bool:
    """Whether it is being answered. An end that is just being written is waited for: it would not see what waits."""
    live = Run.objects.filter(message_id=leaf_id, state__in=queries.LIVE)
    return live.select_for_update().first() is not None


def _queue(
    member: Member,
    conversation: Conversation,
    text: str,
    leaf_id: UUID,
    client_id: UUID | None,
    rows: list[FollowUp],
    attachments: Iterable[UUID],
) -> FollowUp:
    if sum(row.owner_id == member.user_id for row in rows) >= MOST_WAITING:
        raise TooManyWaiting()
    return FollowUp.objects.create(
        conversation=conversation,
        owner_id=member.user_id,
        text=text,
        after_id=leaf_id,
        client_id=client_id,
        attachments=[str(each) for each in attachments],
        created_at=timezone.now(),
    )


def send_next(*, conversation_id: UUID) -> Turn | None:
    """Asks the first question whose turn it is, once, however many call at the same time. In the workspace.

    One that is refused stays with the refusal's code, and holds back only those of its own person.
    """
    with transaction.atomic():
        conversation = _locked(conversation_id)
        if conversation is None:
            return None
        tree, rows = Tree(queries.list_nodes(conversation)), _waiting_in(conversation)
        for row, leaf_id in _ready(conversation, tree, rows):
            try:
                with transaction.atomic():
                    return _send(_owner_of(row, conversation), conversation, row, leaf_id)
            except errors.DomainError as refusal:
                row.error_code = refusal.code
                FollowUp.objects.filter(id=row.id).update(error_code=refusal.code)
    return None


def _locked(conversation_id: UUID) -> Conversation | None:
    """One writer at a time; None when it was deleted."""
    rows = Conversation.objects.select_for_update(of=("self",)).select_related("assistant")
    return rows.filter(id=conversation_id, deleted_at=None).first()


def _ready(
    conversation: Conversation, tree: Tree, rows: list[FollowUp]
) -> Iterator[tuple[FollowUp, UUID | None]]:
    """Those whose answer was finished, with the ends of their branches, the oldest first. One query for any rows."""
    leaves = {row.id: leaf_of(tree, conversation, row.after_id) for row in rows}
    runs = queries.latest_runs([leaf for leaf in leaves.values() if leaf]) if rows else {}
    refused = set()
    for row in rows:
        leaf_id = leaves[row.id]
        run = runs.get(leaf_id) if leaf_id else None
        if not row.error_code and row.owner_id not in refused and lets_go_on(run):
            yield row, leaf_id
        if row.error_code:
            refused.add(row.owner_id)


def lets_go_on(run: Run | None) -> bool:
    """Whether an answer's latest run ended as an answer does; None: it has none any more, or is from elsewhere."""
    return run is None or (run.state == Run.State.DONE and run.finish_reason != APPROVAL)


def _owner_of(row: FollowUp, conversation: Conversation) -> Member:
    """Raises Forbidden when they may not ask here any more."""
    member = accounts.get_member(user_id=row.owner_id, workspace_id=current_workspace().id, session_key=None)
    # SECURITY: what they might do when they wrote it is no right to have it done now.
    if member is None or not member.can_chat or accounts.get_active_user(row.owner_id) is None:
        raise errors.Forbidden(code="access_ended")
    if not queries.visible_to(member).filter(id=conversation.id).exists():
        raise errors.Forbidden(code="access_ended")
    return member


def _send(member: Member, conversation: Conversation, row: FollowUp, leaf_id: UUID | None) -> Turn:
    """Inside the caller's transaction, which a refusal undoes."""
    if not FollowUp.objects.filter(id=row.id).delete()[0]:
        raise FollowUpGone()
    return services.send_message(
        member=member,
        conversation=conversation,
        text=row.text,
        parent_id=leaf_id,
        client_id=row.client_id,
        attachments=[UUID(each) for each in row.attachments],
    )


def send_now(*, member: Member, follow_up: FollowUp) -> Turn | FollowUp:
    """On its person's wish: after a refusal, a stop or a failure. While an answer runs it waits for its turn again.

    Raises FollowUpGone, and what `send_message` does: then it stays as it was.
    """
    conversation = follow_up.conversation
    with transaction.atomic():
        services.lock(conversation)
        leaf_id = leaf_of(Tree(queries.list_nodes(conversation)), conversation, follow_up.after_id)
        if leaf_id is None or not _runs(leaf_id):
            return _send(member, conversation, follow_up, leaf_id)
        if not FollowUp.objects.filter(id=follow_up.id).update(error_code=""):
            raise FollowUpGone()
        follow_up.error_code = ""
        return follow_up


def reword(*, follow_up: FollowUp, text: str) -> FollowUp:
    """Other words for it while it waits. Raises EmptyMessage, MessageTooLong, and FollowUpGone when it was asked."""
    text = services.checked(text)
    if not FollowUp.objects.filter(id=follow_up.id).update(text=text):
        raise FollowUpGone()
    follow_up.text = text
    return follow_up


def remove(*, follow_up: FollowUp) -> str:
    """Takes it out of the queue and returns its text. Raises FollowUpGone when it was asked meanwhile."""
    with transaction.atomic():
        if not FollowUp.objects.filter(id=follow_up.id).delete()[0]:
            raise FollowUpGone()
    return follow_up.text
