"""What wakes the questions that wait: the end of an answer, a page that shows one whose turn it is, and the sweep."""

from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from assistants.chat import queueing
from assistants.models import FollowUp, Run
from assistants.runs import afterwards
from assistants.runs.rounds import APPROVAL
from config import errors
from tenants.models import Workspace
from tenants.scope import workspace_scope

BATCH = 100


def connect() -> None:
    afterwards.follow(Run.Kind.REPLY, after_reply)


def after_reply(workspace_id: UUID, run: Run) -> None:
    """One query, for answers of conversations that were finished."""
    if run.message_id is None or not queueing.lets_go_on(run):
        return
    waiting = FollowUp.objects.filter(conversation__messages=run.message_id, error_code="")
    conversation_id = waiting.values_list("conversation_id", flat=True).first()
    if conversation_id:
        wake(workspace_id=workspace_id, conversation_id=conversation_id)


def wake(*, workspace_id: UUID, conversation_id: UUID) -> None:
    """Any number of times: a question is asked once."""
    from assistants.chat.tasks import send_next  # noqa: PLC0415  tasks call services

    ids = {"workspace_id": str(workspace_id), "conversation_id": str(conversation_id)}
    afterwards.enqueue(send_next, ids)


def sweep() -> int:
    """Makes up for lost wake-ups. Returns for how many conversations. Two queries for each active workspace."""
    woken = 0
    for workspace_id in Workspace.objects.filter(state=Workspace.State.ACTIVE).values_list("id", flat=True):
        try:
            with workspace_scope(workspace_id):
                ids = list(_forgotten()[:BATCH])
        except errors.DomainError:
            continue
        for conversation_id in ids:
            wake(workspace_id=workspace_id, conversation_id=conversation_id)
        woken += len(ids)
    return woken


def _forgotten() -> QuerySet[FollowUp, UUID]:
    """Conversations in which something waits although the last answer was finished."""
    last = Run.objects.filter(message__conversation_id=OuterRef("conversation_id")).order_by("-created_at")
    rows = FollowUp.objects.filter(error_code="", conversation__deleted_at=None)
    done = rows.alias(
        last_state=Subquery(last.values("state")[:1]), last_reason=Subquery(last.values("finish_reason")[:1])
    )
    done = done.filter(last_state=Run.State.DONE).exclude(last_reason=APPROVAL)
    return done.order_by("conversation_id").values_list("conversation_id", flat=True).distinct()
