"""Whether the plan lets a run start: asked by `start_run` before anything is held."""

from accounts.permissions import Member
from assistants.builder import queries as builder_queries
from assistants.models import Assistant
from usage.features import queries as features


def require_startable(member: Member, assistant: Assistant | None) -> None:
    """Raises WorkspaceRestricted, SeatOverPlan, OverPlanLimit, and AssistantArchived or AssistantWithdrawn for who may
    not ask this one any more. What it may ask is decided by its models (assistants/runs/chain.py)."""
    workspace_id = member.workspace_id
    features.require_writable(workspace_id, membership_id=member.membership_id)
    if assistant is not None:
        builder_queries.require_usable(member, assistant)
        builder_queries.require_within_plan(workspace_id, assistant)
