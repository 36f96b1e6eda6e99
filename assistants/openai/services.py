from django.db import transaction

from accounts.idempotency import services as idempotency
from accounts.permissions import Member
from assistants.models import Run
from assistants.openai.requests import ChatCall
from assistants.runs import services as runs


def start_chat_completion(*, member: Member, call: ChatCall) -> Run:
    """A run of its own: the call's messages are saved with it, so that a worker can take it up. Raises RunsStopped."""
    request = {"messages": call.messages, "temperature": call.temperature, "extra": call.extra}
    with transaction.atomic():
        new = runs.NewRun(
            kind=Run.Kind.REPLY,
            model=call.model,
            prompt=call.messages,
            max_output_tokens=call.max_output_tokens,
            assistant=call.assistant,
            request=request,
        )
        return runs.start_run(member=member, new=new)


def earlier_run() -> Run | None:
    """What the first call with this Idempotency-Key started, running or ended. None for the first, and after one that
    failed and cost nothing: it is tried anew."""
    run_id = idempotency.earlier_run()
    run = Run.objects.filter(id=run_id).first() if run_id else None
    if run is None or (run.state == Run.State.FAILED and not run.receipt_id):
        return None
    return run
