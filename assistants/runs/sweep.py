"""What happens to a run whose worker is gone (the sweeper found its lease expired).

Before the first token it starts again; after it never: it is closed with what was said.
"""

from uuid import UUID

import redis
from django.db import transaction
from django.utils import timezone

from assistants.models import Run
from assistants.runs import endings, frames, services
from assistants.runs.frames import STREAM_FIELD, EventId
from assistants.runs.job import Outcome
from config import redis as redis_clients
from tenants import keys
from tenants.models import Workspace
from tenants.scope import STOP_REASONS, WorkspaceNotFound, workspace_scope
from usage.holds import queries as holds_queries
from usage.holds import services as holds
from usage.holds.types import Claim

MAX_ATTEMPTS = 3


def close_expired_hold(*, hold_id: UUID, workspace_id: UUID, attempt: int) -> str:
    """The answer to the port of the same name: requeued | closed | kept."""
    try:
        with workspace_scope(workspace_id, allow_suspended=True):
            return _close(hold_id, workspace_id, attempt)
    except WorkspaceNotFound:
        return _release_orphan(hold_id, "workspace_gone")


def _close(hold_id: UUID, workspace_id: UUID, attempt: int) -> str:
    run = Run.objects.filter(id=hold_id).first()
    if run is None:
        return _release_orphan(hold_id, "run_gone")
    if attempt == 0 or (run.state == Run.State.QUEUED and attempt < MAX_ATTEMPTS):
        waited = (timezone.now() - run.created_at).total_seconds()
        # In this order: who dies in between leaves a run that is due at once.
        services.enqueue(workspace_id=workspace_id, run_id=hold_id)
        holds.postpone_wake(hold_id, attempt=attempt, waited_s=waited)
        return "requeued"
    claim = holds.claim(hold_id)
    if claim is None:
        return "kept"
    text = _said(workspace_id, claim)
    if not text and claim.attempt <= MAX_ATTEMPTS and not claim.stop_reason:
        return _start_again(hold_id, workspace_id, claim.attempt)
    return _close_with(hold_id, workspace_id, claim.attempt, text, claim.stop_reason)


def _said(workspace_id: UUID, claim: Claim) -> str:
    """Fences the lost worker out of the row before its text is read."""
    Run.objects.filter(id=claim.hold_id).update(attempt=claim.attempt)
    saved = Run.objects.values_list("text", flat=True).get(id=claim.hold_id)
    return max(saved, stream_text(workspace_id, claim.hold_id), key=len)


def end_workspace(*, workspace_id: UUID) -> int:
    """The answer to the port `workspace_stopped`: nothing of it is started again."""
    reason = STOP_REASONS[Workspace.State.DELETING]
    holds.stop_workspace(workspace_id=workspace_id, reason=reason)
    held = holds_queries.list_held(workspace_id=workspace_id)
    waiting = holds_queries.list_waiting(held)
    with workspace_scope(workspace_id, allow_suspended=True):
        for hold_id in held:
            if hold_id in waiting:
                services.decide_waiting(hold_id=hold_id, workspace_id=workspace_id, refusal=reason)
            else:
                _end_unowned(hold_id, workspace_id, reason)
    return len(holds_queries.list_held(workspace_id=workspace_id))


def _end_unowned(hold_id: UUID, workspace_id: UUID, reason: str) -> None:
    """What a worker has, it ends itself, within a second."""
    claim = holds.claim(hold_id)
    if claim is None:
        return
    if Run.objects.filter(id=hold_id).exists():
        _close_with(hold_id, workspace_id, claim.attempt, _said(workspace_id, claim), reason)
        return
    with transaction.atomic():
        holds.release(hold_id, attempt=claim.attempt, reason="run_gone")


def _start_again(run_id: UUID, workspace_id: UUID, attempt: int) -> str:
    Run.objects.filter(id=run_id, attempt=attempt).update(state=Run.State.QUEUED)
    holds.give_back(run_id, attempt=attempt)
    services.enqueue(workspace_id=workspace_id, run_id=run_id)
    return "requeued"


def _close_with(run_id: UUID, workspace_id: UUID, attempt: int, text: str, stop_reason: str) -> str:
    person_asked = stop_reason == "person"
    outcome = Outcome(
        state="stopped" if person_asked else "failed",
        error_code="" if person_asked else (stop_reason or "worker_lost"),
        text=text,
    )
    run = services.finish_run(run_id=run_id, attempt=attempt, outcome=outcome)
    if run is None:
        return "kept"
    endings.announce(workspace_id, run)
    return "closed"


def _release_orphan(hold_id: UUID, reason: str) -> str:
    """The run was taken away (a restored or deleted workspace): its hold must not stay."""
    claim = holds.claim(hold_id)
    if claim is None:
        return "kept"
    with transaction.atomic():
        holds.release(hold_id, attempt=claim.attempt, reason=reason)
    return "closed"


def stream_text(workspace_id: UUID, run_id: UUID) -> str:
    """What the stream in Redis has of the latest attempt; empty when Redis is away or has forgotten it."""
    try:
        entries = redis_clients.client().xrange(keys.stream_key(workspace_id, run_id))
    except redis.RedisError:
        return ""
    text, attempt = "", 0
    for entry_id, fields in entries:
        event_id = EventId.parse(entry_id.decode())
        event, data = frames.read(fields[STREAM_FIELD])
        if event_id.attempt > attempt:
            text, attempt = "", event_id.attempt
        if event == "delta":
            text = text[: data["offset"]] + data["text"]
        elif event == "snapshot":
            text = data["text"]
    return text


def list_ended(*, workspace_id: UUID, run_ids: list[UUID]) -> set[UUID]:
    """The answer to the port `runs_ended`."""
    with workspace_scope(workspace_id, allow_suspended=True):
        return set(Run.objects.filter(id__in=run_ids, state__in=Run.FINAL).values_list("id", flat=True))
