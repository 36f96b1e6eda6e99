from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.idempotency import services as idempotency
from accounts.permissions import Member
from assistants.models import Run
from assistants.openai.making import Making
from assistants.openai.requests import ChatCall
from assistants.prompting import builder as prompting
from assistants.prompting.types import Ask
from assistants.runs import services as runs
from assistants.runs import uploads
from usage.features import queries as features
from usage.features.keys import Feature


def start_chat_completion(*, member: Member, call: ChatCall) -> Run:
    """A run of its own: what was asked is saved with it, so that a worker can take it up.

    An assistant's prompt is built by the worker, as in a conversation: its instructions, what is remembered of the
    caller, its documents. Raises what `start_run` refuses.
    """
    request: dict[str, Any] = {"temperature": call.temperature, "extra": call.extra}
    with transaction.atomic():
        if call.assistant is None:
            request["messages"] = prompt = call.messages
            reserved = 0
        else:
            request |= {"told": call.messages, "question": call.question}
            ask = Ask(member.user_id, call.assistant, question=call.question, told=tuple(call.messages))
            drafted = prompting.draft(ask)
            prompt, reserved = drafted.messages, drafted.reserved_tokens
        new = runs.NewRun(
            kind=Run.Kind.REPLY,
            model=call.model,
            prompt=prompt,
            reserved_tokens=reserved,
            max_output_tokens=call.max_output_tokens,
            assistant=call.assistant,
            request=request,
        )
        return runs.start_run(member=member, new=new)


def start_making(*, member: Member, making: Making) -> Run:
    """A run of what is no chat; a worker takes it up. Raises FeatureNotIncluded, and what `start_run` refuses."""
    new = runs.NewRun(
        kind=making.kind,
        model=making.model,
        prompt=making.prompt,
        reserved_tokens=making.reserved_tokens,
        pieces=making.pieces,
        variant=making.variant,
        request=making.request,
    )
    is_started = False
    try:
        _require_in_plan(member.workspace_id, making.kind)
        with transaction.atomic():
            run = runs.start_run(member=member, new=new)
        is_started = True
    finally:
        if not is_started and making.upload:
            uploads.delete(making.upload["upload"])
    return run


def _require_in_plan(workspace_id: UUID, kind: Run.Kind) -> None:
    """Raises FeatureNotIncluded."""
    if kind == Run.Kind.IMAGE:
        features.require(workspace_id, Feature.IMAGES)
    elif kind in (Run.Kind.SPEECH, Run.Kind.TRANSCRIPTION):
        features.require(workspace_id, Feature.VOICE)


def earlier_run() -> Run | None:
    """What the first call with this Idempotency-Key started, running or ended. None for the first, and after one that
    failed and cost nothing: it is tried anew."""
    run_id = idempotency.earlier_run()
    run = Run.objects.filter(id=run_id).first() if run_id else None
    if run is None or (run.state == Run.State.FAILED and not run.receipt_id):
        return None
    return run
