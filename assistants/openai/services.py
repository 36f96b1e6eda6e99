from django.db import transaction

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
