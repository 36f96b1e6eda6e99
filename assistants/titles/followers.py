"""What titles do when a run has ended (assistants/runs/afterwards.py)."""

from uuid import UUID

from django.conf import settings

from assistants.models import Run
from assistants.runs import afterwards
from assistants.runs.rounds import APPROVAL


def connect() -> None:
    afterwards.follow(Run.Kind.REPLY, after_reply)
    afterwards.follow(Run.Kind.TITLE, after_title)


def after_reply(workspace_id: UUID, run: Run) -> None:
    # An answer that waits for its person's decision about a tool is not said yet: its last run comes here again.
    is_said = run.state == Run.State.DONE and run.finish_reason != APPROVAL
    if run.message_id is None or not is_said or not settings.WRITES_TITLES:
        return
    from assistants.titles.tasks import begin_title  # noqa: PLC0415  tasks call services

    afterwards.enqueue(begin_title, {"workspace_id": str(workspace_id), "message_id": str(run.message_id)})


def after_title(workspace_id: UUID, run: Run) -> None:
    from assistants.titles.tasks import apply_title  # noqa: PLC0415  tasks call services

    afterwards.enqueue(apply_title, {"workspace_id": str(workspace_id), "run_id": str(run.id)})
