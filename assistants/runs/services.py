"""Every piece of model work starts here, and ends here exactly once (docs/turns.md)."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from accounts.idempotency import services as idempotency
from accounts.models import PersonReference
from accounts.permissions import Member
from assistants.llm import catalogue, tokens
from assistants.llm.catalogue import Endpoint
from assistants.llm.chat import ChatRequest
from assistants.models import Assistant, Message, Run
from assistants.runs import afterwards, chain, endings, estimate, evidence, rights, telling, uploads
from assistants.runs.job import Outcome
from assistants.tools.types import CONTINUES
from tenants.scope import current_workspace, workspace_scope
from usage.holds import access
from usage.holds import queries as holds_queries
from usage.holds import services as holds
from usage.holds.types import Actual, Amount, HoldLost, HoldRequest, Settlement
from usage.models import Meter
from usage.receipts import services as receipts

# Not the request: a call's whole body would be sent to the database once more.
WRITTEN_AT_END = [
    "attempt", "state", "text", "tool_calls", "finish_reason", "error_code", "answered_by", "finished_at", "retry_at",
    "input_tokens", "output_tokens", "is_estimated", "cost_micro", "list_cost_micro", "receipt_id",
]  # fmt: skip
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewRun:
    """`prompt`: the chat messages as they will be sent, for the size of the hold.

    `reserved_tokens`: what the worker may add to it.
    `fallbacks`: models that may answer instead; None: the assistant's, where it is asked with its own model.
    `is_run_here`: the caller claims and runs it, no worker is woken.
    `pieces`: meter → count for work that is not chat; `variant`: what else decides its price (an image's size).
    """

    kind: Run.Kind
    model: str
    prompt: list[dict[str, Any]] = field(default_factory=list)
    reserved_tokens: int = 0
    max_output_tokens: int = 0
    message: Message | None = None
    assistant: Assistant | None = None
    request: dict[str, Any] = field(default_factory=dict)
    pieces: dict[str, int] = field(default_factory=dict)
    variant: str = ""
    is_run_here: bool = False
    fallbacks: tuple[str, ...] | None = None

    def chain(self, workspace_id: UUID) -> tuple[Endpoint, ...]:
        """Raises ModelNotOffered and FeatureNotIncluded for the first."""
        if self.pieces or self.kind == Run.Kind.EMBEDDING:
            return chain.of_platform(workspace_id, self.model)
        named: Iterable[str] | None = self.fallbacks
        if named is None and self.assistant is not None and self.assistant.model == self.model:
            named = self.assistant.fallback_models
        return chain.choose(workspace_id, self.model, named or ())


def start_run(*, member: Member, new: NewRun) -> Run:
    """Holds what the run may use, saves it, and wakes a worker after the commit.

    Inside the caller's transaction, in the workspace. A run that must wait for others' holds is saved too and starts
    when it is let in. Raises RunsStopped, QuotaExceeded, ModelNotOffered, and what the plan refuses
    (assistants/runs/rights.py, chain.py).
    """
    rights.require_startable(member, new.assistant)
    run_id, now = uuid4(), timezone.now()
    chosen = new.chain(member.workspace_id)
    input_tokens = _count_input(new, chosen) if new.prompt else 0
    hold = holds.open_hold(_hold_request(member, new, chosen, run_id, input_tokens, now), now=now)
    run = Run.objects.create(
        id=run_id,
        kind=new.kind,
        owner_id=member.user_id,
        message=new.message,
        assistant=new.assistant,
        model=new.model,
        provider=chosen[0].provider,
        served_as=chosen[0].model,
        request={**new.request, **chain.saved(chosen)},
        input_tokens=input_tokens,
        created_at=now,
    )
    idempotency.bind_run(run_id)
    if not (hold.is_waiting or new.is_run_here):
        transaction.on_commit(lambda: enqueue(workspace_id=member.workspace_id, run_id=run_id))
    return run


def _count_input(new: NewRun, chosen: tuple[Endpoint, ...]) -> int:
    """Whichever of them answers: pictures count differently."""
    extra = new.request.get("extra", {})
    sent = (extra.get("tools"), extra.get("response_format"))
    models = {each.model for each in chosen} if tokens.has_images(new.prompt) else {new.model}
    return max(tokens.count_prompt(new.prompt, *sent, model=model) for model in models) + new.reserved_tokens


def _hold_request(
    member: Member,
    new: NewRun,
    chosen: tuple[Endpoint, ...],
    run_id: UUID,
    input_tokens: int,
    now: datetime,
) -> HoldRequest:
    rates = [each.rates(at=now, variant=new.variant) for each in chosen]
    reasons_unseen = any(Meter.REASONING_TOKENS in each.by_meter for each in rates)
    workspace = current_workspace()
    return HoldRequest(
        id=run_id,
        workspace_id=member.workspace_id,
        zone=workspace.timezone,
        anchor_day=workspace.billing_day,
        person_ref=member.person_ref,
        api_key_id=member.api_key_id,
        assistant_id=new.assistant.id if new.assistant else None,
        widget_id=member.visitor.widget_id if member.visitor else None,
        visitor_id=member.visitor.id if member.visitor else None,
        kind=new.kind,
        model=new.model,
        provider=chosen[0].provider,
        meters=_meters(new, chosen, input_tokens, now),
        cap=new.max_output_tokens,
        min_cap=estimate.MIN_USEFUL_TOKENS,
        step=0 if reasons_unseen else estimate.FIRST_STEP_TOKENS,
    )


def _meters(
    new: NewRun, chosen: tuple[Endpoint, ...], input_tokens: int, now: datetime
) -> dict[str, Amount | None]:
    """Whichever of them answers is covered. What a workspace's own key pays is none of our money."""
    rates = [each.rates(at=now, variant=new.variant) for each in chosen if not each.is_own]
    if new.pieces:
        return estimate.piece_meters(pieces=new.pieces, rates=rates[0])
    return estimate.chat_meters(
        kind=new.kind,
        input_tokens=input_tokens,
        rates=rates,
        cap=new.max_output_tokens,
        is_continued=CONTINUES in new.request,
    )


def decide_waiting(*, hold_id: UUID, workspace_id: UUID, refusal: str) -> None:
    """The answer to the port `hold_decided`."""
    if not refusal:
        enqueue(workspace_id=workspace_id, run_id=hold_id)
        return
    with workspace_scope(workspace_id, allow_suspended=True):
        _close_waiting(workspace_id, hold_id, refusal)


def give_up_waiting(*, workspace_id: UUID, run_id: UUID) -> None:
    """A run that was to be run here and must wait for others' holds: nobody waits, it ends."""
    _close_waiting(workspace_id, run_id, "quota_busy")


def _close_waiting(workspace_id: UUID, run_id: UUID, reason: str) -> bool:
    """The end of a run that never started, with its hold. False when it was let in meanwhile."""
    is_wish = reason == "person"
    outcome = Outcome(state="stopped") if is_wish else Outcome(state="failed", error_code=reason)
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(id=run_id, state=Run.State.QUEUED).first()
        if not holds.end_waiting(run_id, reason=reason):
            return False
        if run is None:
            return True
        _end(run, run.attempt + 1, outcome, None)
        _save_end(run)
    endings.announce(workspace_id, run)
    return True


def enqueue(*, workspace_id: UUID, run_id: UUID) -> None:
    """Wakes a worker. A broker that is away costs seconds, not the run: the sweeper enqueues what nobody claimed."""
    from assistants.runs.tasks import execute_run  # noqa: PLC0415  tasks call services

    try:
        execute_run.apply_async(kwargs={"workspace_id": str(workspace_id), "run_id": str(run_id)})
    except BrokerError:
        logger.warning("a run was not enqueued; the sweeper will", extra={"run_id": str(run_id)})


def begin_run(
    run: Run, *, attempt: int, request: ChatRequest | None, context: dict[str, Any] | None = None
) -> None:
    """An attempt of a worker starts. `request` is what it will send; None when it will not; `context`: Run's."""
    Run.objects.filter(id=run.id, attempt__lt=attempt).update(
        attempt=attempt,
        state=Run.State.RUNNING,
        started_at=timezone.now(),
        text="",
        sent=evidence.of_request(run.salt, request) if request else {},
        context=context or {},
    )


def finish_run(*, run_id: UUID, attempt: int, outcome: Outcome) -> Run | None:
    """One transaction: the end of the hold, its ledger entry, its receipt, and the answer. In the workspace.

    Charges only what was delivered. Returns None, having written nothing, when the attempt is not the owner any more.
    """
    try:
        with transaction.atomic():
            run = Run.objects.select_for_update().get(id=run_id)
            settlement = None
            if outcome.is_delivered:
                settlement = holds.settle(run_id, attempt=attempt, actual=_actual(run, outcome))
            else:
                holds.release(run_id, attempt=attempt, reason=outcome.error_code or outcome.state)
            _end(run, attempt, outcome, settlement)
            if settlement is not None:
                run.receipt_id = receipts.issue(evidence.of_settled(run, settlement, outcome.gates))
            _save_end(run)
            afterwards.run_ended(run)
    except HoldLost:
        return None
    return run


def _end(run: Run, attempt: int, outcome: Outcome, settlement: Settlement | None) -> None:
    """Only in memory."""
    now = timezone.now()
    run.attempt = attempt
    run.state = outcome.state
    run.text = outcome.text
    run.tool_calls = outcome.tool_calls
    run.finish_reason = outcome.finish_reason
    run.error_code = outcome.error_code
    run.answered_by = outcome.answered_by
    run.finished_at = now
    run.input_tokens = 0
    if settlement is not None:
        run.input_tokens = settlement.actual.input_tokens
        run.output_tokens = settlement.actual.output_tokens
        run.is_estimated = settlement.actual.is_estimated
        run.cost_micro = settlement.cost_micro
        run.list_cost_micro = catalogue.list_cost(
            chain.booked_as(run), chain.priced_as(run), settlement.actual, at=run.created_at
        )
    if outcome.retry_after_s is not None:
        run.retry_at = now + timedelta(seconds=outcome.retry_after_s)


def _save_end(run: Run) -> None:
    run.save(update_fields=WRITTEN_AT_END)
    if upload := uploads.of_request(run.request):
        transaction.on_commit(lambda: uploads.delete(upload))
    if run.message_id:
        Message.objects.filter(id=run.message_id).update(text=_said_in_all(run))
    telling.tell_end(run)


def _said_in_all(run: Run) -> str:
    """With what an answer had said before it waited for its person. No query for one that never did."""
    earlier = run.request.get(CONTINUES)
    if not earlier:
        return run.text
    texts = dict(Run.objects.filter(id__in=earlier).values_list("id", "text"))
    parts = [*(texts.get(UUID(text), "") for text in earlier), run.text]
    return "\n\n".join(part for part in parts if part)


def _actual(run: Run, outcome: Outcome) -> Actual:
    """The provider's own count; without one, ours, marked as an estimate. Pieces are counted as they are made."""
    usage = outcome.usage
    named: dict[str, Any] = {"provider": chain.booked_as(run), "model": chain.priced_as(run)}
    if outcome.pieces:
        used: dict[str, Any] = {"messages": 0, **outcome.pieces}
        return Actual(**named, variant=outcome.variant, is_estimated=outcome.is_estimated, **used)
    counted: dict[str, Any] = estimate.counted(run.kind, is_continued=CONTINUES in run.request)
    if usage is None or (usage.output_tokens == 0 and not outcome.embedded):
        spoken = outcome.text + "".join(
            call["function"]["name"] + call["function"]["arguments"] for call in outcome.tool_calls
        )
        return Actual(
            **named,
            input_tokens=run.input_tokens,
            output_tokens=tokens.count(spoken),
            **counted,
            is_estimated=True,
        )
    return Actual(
        **named,
        **counted,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        is_estimated=outcome.is_estimated,
    )


def stop_run(*, workspace_id: UUID, run: Run) -> None:
    """Ends a run on a person's wish: its worker keeps what was said; a queued one ends here at once."""
    with transaction.atomic():
        holds.request_stop(run.id, reason="person")
    if run.state == Run.State.QUEUED and _close_waiting(workspace_id, run.id, "person"):
        return
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
    held = holds_queries.list_held(workspace_id=workspace_id, person_ref=ref)
    access.stop_runs(workspace_id=workspace_id, hold_ids=held, reason="access_ended")
