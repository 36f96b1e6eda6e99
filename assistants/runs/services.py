"""Every piece of model work starts here, and ends here exactly once (docs/turns.md)."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from accounts.models import PersonReference
from accounts.permissions import Member
from assistants.llm import tokens
from assistants.models import Assistant, Message, Run
from assistants.runs import endings
from assistants.runs.job import Outcome
from usage.holds import queries as holds_queries
from usage.holds import services as holds
from usage.holds.types import Actual, HoldLost, HoldRequest

# Not the request: a call's whole body would be sent to the database once more.
WRITTEN_AT_END = [
    "attempt", "state", "text", "tool_calls", "finish_reason", "error_code", "answered_by", "finished_at", "retry_at",
    "input_tokens", "output_tokens", "is_estimated", "cost_micro",
]  # fmt: skip
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewRun:
    """`prompt`: the chat messages as they will be sent, for the size of the hold."""

    kind: Run.Kind
    model: str
    prompt: list[dict[str, Any]]
    max_output_tokens: int
    message: Message | None = None
    assistant: Assistant | None = None
    request: dict[str, Any] = field(default_factory=dict)


def start_run(*, member: Member, new: NewRun) -> Run:
    """Holds what the run may use, saves it, and wakes a worker after the commit.

    Inside the caller's transaction, in the workspace. Raises RunsStopped (and, with limits, QuotaExceeded).
    """
    run_id = uuid4()
    lines = {
        "messages": 1,
        "input_tokens": tokens.count_prompt(new.prompt),
        "output_tokens": new.max_output_tokens,
    }
    holds.open_hold(_hold_request(run_id, member, new, lines))
    run = Run.objects.create(
        id=run_id,
        kind=new.kind,
        owner_id=member.user_id,
        message=new.message,
        assistant=new.assistant,
        model=new.model,
        request=new.request,
        input_tokens=lines["input_tokens"],
        created_at=timezone.now(),
    )
    transaction.on_commit(lambda: enqueue(workspace_id=member.workspace_id, run_id=run_id))
    return run


def _hold_request(run_id: UUID, member: Member, new: NewRun, lines: dict[str, int]) -> HoldRequest:
    return HoldRequest(
        id=run_id,
        workspace_id=member.workspace_id,
        person_ref=member.person_ref,
        api_key_id=member.api_key_id,
        assistant_id=new.assistant.id if new.assistant else None,
        kind=new.kind,
        model=new.model,
        lines=lines,
    )


def enqueue(*, workspace_id: UUID, run_id: UUID) -> None:
    """Wakes a worker. A broker that is away costs seconds, not the run: the sweeper enqueues what nobody claimed."""
    from assistants.runs.tasks import execute_run  # noqa: PLC0415  tasks call services

    try:
        execute_run.apply_async(kwargs={"workspace_id": str(workspace_id), "run_id": str(run_id)})
    except BrokerError:
        logger.warning("a run was not enqueued; the sweeper will", extra={"run_id": str(run_id)})


def finish_run(*, run_id: UUID, attempt: int, outcome: Outcome) -> Run | None:
    """One transaction: the end of the hold, its ledger entry, and the answer. In the workspace.

    Charges only what was delivered. Returns None, having written nothing, when the attempt is not the owner any more.
    """
    try:
        with transaction.atomic():
            run = Run.objects.select_for_update().get(id=run_id)
            if outcome.is_delivered:
                settlement = holds.settle(run_id, attempt=attempt, actual=_actual(run, outcome))
                run.input_tokens = settlement.actual.input_tokens
                run.output_tokens = settlement.actual.output_tokens
                run.is_estimated = settlement.actual.is_estimated
                run.cost_micro = settlement.cost_micro
            else:
                holds.release(run_id, attempt=attempt, reason=outcome.error_code or outcome.state)
                run.input_tokens = 0
            _write_end(run, attempt, outcome)
    except HoldLost:
        return None
    return run


def _write_end(run: Run, attempt: int, outcome: Outcome) -> None:
    now = timezone.now()
    run.attempt = attempt
    run.state = outcome.state
    run.text = outcome.text
    run.tool_calls = outcome.tool_calls
    run.finish_reason = outcome.finish_reason
    run.error_code = outcome.error_code
    run.answered_by = outcome.answered_by
    run.finished_at = now
    if outcome.retry_after_s is not None:
        run.retry_at = now + timedelta(seconds=outcome.retry_after_s)
    run.save(update_fields=WRITTEN_AT_END)
    if run.message_id:
        Message.objects.filter(id=run.message_id).update(text=outcome.text)


def _actual(run: Run, outcome: Outcome) -> Actual:
    """The provider's own count; without one, ours, marked as an estimate."""
    usage = outcome.usage
    if usage is None or usage.output_tokens == 0:
        spoken = outcome.text + "".join(
            call["function"]["name"] + call["function"]["arguments"] for call in outcome.tool_calls
        )
        return Actual(
            provider=settings.PROVIDER_NAME,
            model=run.model,
            input_tokens=run.input_tokens,
            output_tokens=tokens.count(spoken),
            is_estimated=True,
        )
    return Actual(
        provider=settings.PROVIDER_NAME,
        model=run.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def stop_run(*, workspace_id: UUID, run: Run) -> None:
    """Ends a run on a person's wish: its worker keeps what was said; a queued one ends here at once."""
    with transaction.atomic():
        holds.request_stop(run.id, reason="person")
    claim = holds.claim(run.id) if run.state == Run.State.QUEUED else None
    if claim is None:
        return
    ended = finish_run(run_id=run.id, attempt=claim.attempt, outcome=Outcome(state="stopped"))
    if ended is not None:
        endings.announce(workspace_id, ended)


def stop_runs_of_person(*, workspace_id: UUID, user_id: UUID) -> None:
    """The person left the workspace: what still runs for them here ends."""
    ref = PersonReference.objects.filter(user_id=user_id).values_list("ref", flat=True).first()
    if ref is None:
        return
    holds.stop_all(holds_queries.list_held(workspace_id=workspace_id, person_ref=ref), reason="access_ended")
