from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from accounts.permissions import Member
from assistants.builder.refusals import AssistantArchived, AssistantWithdrawn
from assistants.models import Assistant, AssistantMember, AssistantVersion, Feedback, Run
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


def _visible(member: Member) -> Q:
    """The workspace's, the member's own, and those shared with them."""
    # SECURITY: an assistant of one person is no other's, whatever their role.
    shared = AssistantMember.objects.filter(assistant=OuterRef("id"), user_id=member.user_id)
    own = Q(visibility=Assistant.Visibility.WORKSPACE) | Q(created_by_id=member.user_id)
    return own | Q(Exists(shared), visibility=Assistant.Visibility.MEMBERS)


def list_assistants(member: Member) -> QuerySet[Assistant]:
    """Those that the member may use."""
    return list_all().filter(_visible(member))


def list_archived(member: Member) -> QuerySet[Assistant]:
    """Those that the member could use again, the last archived first."""
    rows = Assistant.objects.filter(_visible(member), archived_at__isnull=False)
    return rows.order_by("-archived_at", "id")


def access_assistant(member: Member, assistant_id: UUID) -> Assistant:
    """Raises NotFound."""
    assistant = list_assistants(member).filter(id=assistant_id).first()
    if assistant is None:
        raise errors.NotFound()
    return assistant


def access_named(member: Member, slug: str) -> Assistant:
    """Raises NotFound."""
    assistant = list_assistants(member).filter(slug=slug).first()
    if assistant is None:
        raise errors.NotFound()
    return assistant


def get_default_assistant(member: Member) -> Assistant:
    """The first one that the member may use. Raises NotFound when all were archived."""
    assistant = list_assistants(member).first()
    if assistant is None:
        raise errors.NotFound("This workspace has no assistant yet. Create one first.", code="no_assistant")
    return assistant


def access_any(member: Member, assistant_id: UUID) -> Assistant:
    """Also an archived one: to look at, to compare its versions, to take it out again. Raises NotFound."""
    assistant = Assistant.objects.filter(_visible(member), id=assistant_id).first()
    if assistant is None:
        raise errors.NotFound()
    return assistant


def require_usable(member: Member, assistant: Assistant) -> None:
    """A conversation outlives the right to ask its assistant. Raises AssistantArchived, AssistantWithdrawn.

    One query, and only where members were chosen.
    """
    if assistant.archived_at is not None:
        raise AssistantArchived()
    if member.visitor is not None:
        # The widget that let them in is this assistant's (assistants/widget/access.py).
        return
    if assistant.visibility == Assistant.Visibility.WORKSPACE or assistant.created_by_id == member.user_id:
        return
    chosen = assistant.visibility == Assistant.Visibility.MEMBERS
    if not chosen or not assistant.members.filter(user_id=member.user_id).exists():
        raise AssistantWithdrawn()


def list_versions(assistant: Assistant) -> QuerySet[AssistantVersion]:
    """The last save first."""
    return assistant.versions.order_by("-number")


def no_versions() -> QuerySet[AssistantVersion]:
    """For the schema's generator, which has no member."""
    return AssistantVersion.objects.none()


def access_version(assistant: Assistant, number: int) -> AssistantVersion:
    """Raises NotFound."""
    found = assistant.versions.filter(number=number).first()
    if found is None:
        raise errors.NotFound()
    return found


def access_version_of(assistant: Assistant, version_id: UUID) -> AssistantVersion:
    """Raises NotFound."""
    found = assistant.versions.filter(id=version_id).first()
    if found is None:
        raise errors.NotFound()
    return found


@dataclass(frozen=True)
class Tally:
    """What people thought of its answers."""

    good: int
    bad: int

    @property
    def total(self) -> int:
        return self.good + self.bad

    @property
    def percent_good(self) -> int:
        return self.good * 100 // self.total if self.total else 0


def tally_of(assistant: Assistant) -> Tally:
    """Figures only: what was commented stands in conversations, which are their owners'. One query."""
    rows = Feedback.objects.filter(assistant=assistant)
    found = rows.aggregate(good=Count("id", filter=Q(is_good=True)), bad=Count("id", filter=Q(is_good=False)))
    return Tally(found["good"], found["bad"])


def access_trial(member: Member, run_id: UUID) -> Run:
    """A test of a draft by the member. Raises NotFound."""
    found = Run.objects.filter(
        id=run_id, owner_id=member.user_id, message=None, request__has_key="draft"
    ).first()
    if found is None:
        raise errors.NotFound()
    return found


def list_trials(member: Member, run_ids: Collection[UUID]) -> list[Run]:
    """Those of these that are the member's tests, in order of time. One query."""
    rows = Run.objects.filter(id__in=run_ids, owner_id=member.user_id, message=None, request__has_key="draft")
    return list(rows.order_by("created_at", "id"))


PRIVATE = "A private assistant"


def names_of(*, ids: Collection[UUID] | None = None) -> dict[UUID, str]:
    """The answer to the port `assistant_names`. One query."""
    # SECURITY: reports and limits are read by admins; an assistant that is not the workspace's has no name there.
    if ids is None:
        return dict(list_all().filter(visibility=Assistant.Visibility.WORKSPACE).values_list("id", "name"))
    rows = Assistant.objects.filter(id__in=ids).values_list("id", "name", "visibility")
    return {
        key: name if visibility == Assistant.Visibility.WORKSPACE else PRIVATE
        for key, name, visibility in rows
    }


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
