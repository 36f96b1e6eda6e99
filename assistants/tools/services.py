"""What a person decides about tools. An answer that waits holds nothing: it goes on as a run of its own."""

from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.permissions import Member
from assistants.models import Assistant, Conversation, Message, Run, ToolCall, ToolChoice
from assistants.prompting import builder as prompting
from assistants.runs import services as runs
from assistants.tools import queries, work
from assistants.tools.types import CONTINUES
from config import errors
from tenants import audit

REFUSED = "The person refused this call. Answer without it, and do not ask for it again."
State = ToolCall.State


class Decision(StrEnum):
    ONCE = "once"
    ALWAYS = "always"
    NO = "no"
    NEVER = "never"

    @property
    def allows(self) -> bool:
        return self in (Decision.ONCE, Decision.ALWAYS)

    @property
    def stands(self) -> bool:
        return self in (Decision.ALWAYS, Decision.NEVER)


class AnswerWentOn(errors.DomainError):
    """The answer that asked was begun anew since."""

    code = "answer_went_on"
    status = 409
    message = "This answer was begun anew since: it does not wait for this any more."


def decide(*, member: Member, call: ToolCall, decision: Decision) -> Run | None:
    """Allows or refuses a call that waits; a standing decision takes the answer's other calls of the tool with it.

    When none waits any more the answer goes on: its run is returned. A call that was decided before is left as it is.
    Raises AnswerWentOn, and what `start_run` refuses: then nothing is decided.
    """
    with transaction.atomic():
        message = _lock(call)
        waiting = list(ToolCall.objects.select_for_update().filter(run=call.run_id, state=State.WAITING))
        if call.id not in {row.id for row in waiting}:
            return None
        if message.runs.filter(created_at__gt=call.run.created_at).exists():
            raise AnswerWentOn()
        decided = [row for row in waiting if row.id == call.id or (decision.stands and row.tool == call.tool)]
        _write(decided, decision)
        if decision.stands and call.run.assistant is not None:
            _stand(member, call, call.run.assistant, decision)
        audit.record(
            "tool.allowed" if decision.allows else "tool.refused",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("tool_call", call.id),
        )
        return None if len(decided) < len(waiting) else _continue(member, call.run_id)


def _lock(call: ToolCall) -> Message:
    """One writer per conversation at a time, as for questions. Raises NotFound."""
    message = call.run.message
    if message is None:
        raise errors.NotFound()
    if not Conversation.objects.select_for_update().filter(id=message.conversation_id).exists():
        raise errors.NotFound()
    return message


def _write(decided: list[ToolCall], decision: Decision) -> None:
    ids = [row.id for row in decided]
    if decision.allows:
        # The continuation carries it out.
        ToolCall.objects.filter(id__in=ids).update(state=State.RUNNING)
        return
    ToolCall.objects.filter(id__in=ids).update(
        state=State.REFUSED, error_code="refused", result=REFUSED, finished_at=timezone.now()
    )


def _stand(member: Member, call: ToolCall, assistant: Assistant, decision: Decision) -> None:
    answer = ToolChoice.Answer.ALWAYS if decision.allows else ToolChoice.Answer.NEVER
    ToolChoice.objects.update_or_create(
        person_id=member.user_id,
        assistant=assistant,
        tool=call.tool,
        defaults={"answer": answer, "updated_at": timezone.now()},
    )


def _continue(member: Member, run_id: UUID) -> Run:
    """A run that goes on where `run_id` ended, under a hold of its own; the message was counted before."""
    run = Run.objects.select_related("assistant", "message__parent", "message__conversation").get(id=run_id)
    chain = queries.chain_of(run)
    draft = prompting.draft(prompting.ask_of(run))
    to_come = ToolCall.objects.filter(run_id__in=chain, state=State.RUNNING).count()
    room = to_come * (work.MOST_RESULT_TOKENS + work.MARK_TOKENS)
    assistant = run.assistant
    if assistant is None:
        raise AnswerWentOn()
    new = runs.NewRun(
        kind=Run.Kind.REPLY,
        model=assistant.model,
        prompt=[*draft.messages, *work.replayed(tuple(chain))],
        reserved_tokens=draft.reserved_tokens + room,
        max_output_tokens=assistant.max_output_tokens,
        message=run.message,
        assistant=assistant,
        request={CONTINUES: [str(each) for each in chain]},
    )
    return runs.start_run(member=member, new=new)


def forget_choice(*, member: Member, choice: ToolChoice) -> None:
    """It is asked again from now on. A second time changes nothing."""
    with transaction.atomic():
        choice.delete()
        audit.record(
            "tool.choice_forgotten",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("assistant", choice.assistant_id),
        )
