"""What memory does when a run has ended (assistants/runs/afterwards.py)."""

from uuid import UUID

from django.conf import settings

from assistants.models import Run
from assistants.runs import afterwards
from assistants.runs.rounds import APPROVAL


def connect() -> None:
    afterwards.follow(Run.Kind.REPLY, after_reply)
    afterwards.follow(Run.Kind.MEMORY, after_memory)


def after_reply(workspace_id: UUID, run: Run) -> None:
    # An answer that waits for its person's decision about a tool is not said yet: its last run comes here again.
    if run.message_id is None or run.state != Run.State.DONE or run.finish_reason == APPROVAL:
        return
    from assistants.memory.tasks import look_back  # noqa: PLC0415  tasks call services

    # Quick turns are read together: the last one's reading includes those before.
    ids = {"workspace_id": str(workspace_id), "message_id": str(run.message_id)}
    afterwards.enqueue(look_back, ids, countdown=settings.MEMORY_REST_S)


def after_memory(workspace_id: UUID, run: Run) -> None:
    from assistants.memory.tasks import apply_run  # noqa: PLC0415  tasks call services

    afterwards.enqueue(apply_run, {"workspace_id": str(workspace_id), "run_id": str(run.id)})
