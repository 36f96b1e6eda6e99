"""What of the data plane ends when somebody leaves a workspace."""

from uuid import UUID

from accounts import queries as accounts_queries
from assistants.builder import services as builder
from assistants.runs import services as runs


def member_left(*, workspace_id: UUID, user_id: UUID) -> None:
    """The answer to the port `membership_ended`: after the commit, outside every workspace."""
    runs.stop_runs_of_person(workspace_id=workspace_id, user_id=user_id)
    # Who is blocked is a member still, and finds theirs again when that is lifted.
    if accounts_queries.get_member(user_id=user_id, workspace_id=workspace_id, session_key=None) is None:
        builder.archive_private_of(workspace_id=workspace_id, user_id=user_id)
