from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.permissions import Member
from assistants.models import Assistant, AssistantMember
from config import errors
from tenants.scope import workspace_scope
from usage.features import queries as features
from usage.models import Meter


class OverPlanLimit(errors.DomainError):
    """There are more than the plan holds: the oldest stay usable, this one can be read only.

    `data`: meter, limit, upgrade_url.
    """

    code = "over_plan_limit"
    status = 402
    fragment = "usage/_refusal.html"
    message = "This assistant is beyond what the plan holds."


def list_all() -> QuerySet[Assistant]:
    """Whoever may use them: what the plan counts."""
    return Assistant.objects.filter(archived_at__isnull=True).order_by("created_at", "id")


def list_assistants(member: Member) -> QuerySet[Assistant]:
    """Those that the member may use: the workspace's, their own, and those shared with them."""
    # SECURITY: an assistant of one person is no other's, whatever their role.
    shared = AssistantMember.objects.filter(assistant=OuterRef("id"), user_id=member.user_id)
    visible = (
        Q(visibility=Assistant.Visibility.WORKSPACE)
        | Q(created_by_id=member.user_id)
        | (Q(visibility=Assistant.Visibility.MEMBERS) & Exists(shared))
    )
    return list_all().filter(visible)


def access_assistant(member: Member, assistant_id: UUID) -> Assistant:
    """Raises NotFound."""
    assistant = list_assistants(member).filter(id=assistant_id).first()
    if assistant is None:
        raise errors.NotFound()
    return assistant


def get_default_assistant(member: Member) -> Assistant:
    """The first one that the member may use. Raises NotFound when all were archived."""
    assistant = list_assistants(member).first()
    if assistant is None:
        raise errors.NotFound("This workspace has no assistant yet. Create one first.", code="no_assistant")
    return assistant


def names_of(*, ids: Collection[UUID] | None = None) -> dict[UUID, str]:
    """The answer to the port `assistant_names`. One query."""
    rows = list_all() if ids is None else Assistant.objects.filter(id__in=ids)
    return dict(rows.values_list("id", "name"))


def count_of(*, workspace_id: UUID) -> int:
    """The answer to the port `assistant_count`."""
    with workspace_scope(workspace_id, allow_suspended=True):
        return list_all().count()


def list_over_plan(workspace_id: UUID) -> set[UUID]:
    """Those beyond the plan's number: all but its oldest. In the workspace; one query where the plan has a number."""
    held = features.state_of(workspace_id).gauges.get(Meter.ASSISTANTS)
    return set() if held is None else set(list_all().values_list("id", flat=True)[held:])


def require_within_plan(workspace_id: UUID, assistant: Assistant) -> None:
    """Raises OverPlanLimit. In the workspace."""
    if assistant.id not in list_over_plan(workspace_id):
        return
    held = features.state_of(workspace_id).gauges[Meter.ASSISTANTS]
    raise OverPlanLimit(
        f"The plan holds {held:,} assistants, and {assistant.name} is newer than those. Nothing is deleted: it can be"
        " read, and works again with a larger plan.",
        data={"meter": Meter.ASSISTANTS, "limit": held, "upgrade_url": features.upgrade_url(workspace_id)},
    )
