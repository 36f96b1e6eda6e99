"""Reads about a person's own data: their exports, and what deleting their account would do."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.models import Membership, User
from accounts.privacy import refusals, subjects
from accounts.privacy.models import ExportJob
from accounts.queries import ref_of
from config import personal, ports
from config.personal import Erasure, Subject
from tenants.scope import WorkspaceRef, workspace_scope

SHOWN_EXPORTS = 5
# What the page before a deletion counts, in this order; what the registry says of the rest stands in docs/erasure.md.
COUNTED = (
    "assistants.Conversation", "assistants.Message", "accounts.ApiKey", "account.EmailAddress", "mfa.Authenticator",
    "socialaccount.SocialAccount", "usersessions.UserSession",
)  # fmt: skip
STAYING = ("assistants.Assistant", "usage.LedgerEntry", "usage.Receipt", "tenants.AuditEntry")
ASSISTANTS_STAY = "They stay for the team. They no longer say who made them."


@dataclass(frozen=True)
class Place:
    """A workspace that is affected. `plan`: what is paid there at present, empty without a subscription."""

    workspace: WorkspaceRef
    others: int
    plan: str = ""


@dataclass(frozen=True)
class Figure:
    title: str
    count: int
    why: str = ""


@dataclass(frozen=True)
class Outlook:
    """What deleting an account would do. `erased`: workspaces that go with it; `blocking`: must be handed over or
    deleted first; `left`: others go on there."""

    erased: list[Place]
    blocking: list[Place]
    left: list[Place]
    deleted: list[Figure]
    staying: list[Figure]


def places(user_id: UUID) -> tuple[list[Place], list[Place], list[Place]]:
    """`erased`, `blocking` and `left` of an Outlook. Two queries, and one for each workspace that would be erased."""
    own = Membership.objects.filter(user_id=user_id).select_related("workspace").order_by("workspace__name")
    mine = list(own)
    counts = _others(user_id, [row.workspace_id for row in mine])
    erased, blocking, left = [], [], []
    for row in mine:
        members, owners = counts.get(row.workspace_id, (0, 0))
        place = Place(ref_of(row.workspace), members)
        if members == 0:
            erased.append(Place(place.workspace, 0, ports.running_plan(workspace_id=row.workspace_id)))
        elif row.role == Membership.Role.OWNER and owners == 0:
            blocking.append(place)
        else:
            left.append(place)
    return erased, blocking, left


def _others(user_id: UUID, workspace_ids: list[UUID]) -> dict[UUID, tuple[int, int]]:
    """How many members besides the person, and how many owners among them who can sign in."""
    is_owner = Q(role=Membership.Role.OWNER, user__is_active=True)
    rows = Membership.objects.filter(workspace_id__in=workspace_ids).exclude(user_id=user_id)
    found = rows.values("workspace_id").annotate(members=Count("id"), owners=Count("id", filter=is_owner))
    return {row["workspace_id"]: (row["members"], row["owners"]) for row in found}


def get_outlook(user: User) -> Outlook:
    subject = subjects.of(user)
    erased, blocking, left = places(user.id)
    counts = _count(subject, [place.workspace.id for place in (*erased, *blocking, *left)])
    by_label = {item.model: item for item in personal.exported()}
    deleted = [Figure(by_label[label].title, counts[label]) for label in COUNTED if counts[label]]
    staying = [
        Figure(by_label[label].title, counts[label], _why(by_label[label]))
        for label in STAYING
        if counts[label]
    ]
    return Outlook(erased, blocking, left, deleted, staying)


def _why(item: personal.Exported) -> str:
    if item.person is None or item.person.erasure != Erasure.KEPT:
        return ASSISTANTS_STAY
    return item.person.why


def _count(subject: Subject, workspace_ids: list[UUID]) -> Counter[str]:
    counts: Counter[str] = Counter()
    wanted = {*COUNTED, *STAYING}
    for item in personal.exported(in_schema=False):
        if item.model in wanted and item.person is not None:
            counts[item.model] += item.person.rows(subject).count()
    inside = [item for item in personal.exported(in_schema=True) if item.model in wanted]
    for workspace_id in workspace_ids:
        with workspace_scope(workspace_id, allow_suspended=True):
            for item in inside:
                if item.person is not None:
                    counts[item.model] += item.person.rows(subject).count()
    return counts


# exports


def list_exports(user_id: UUID) -> list[ExportJob]:
    """Of the person's own data, newest first."""
    rows = ExportJob.objects.filter(user_id=user_id, workspace=None)
    return list(rows.order_by("-created_at")[:SHOWN_EXPORTS])


def list_workspace_exports(workspace_id: UUID) -> list[ExportJob]:
    rows = ExportJob.objects.filter(workspace_id=workspace_id).select_related("user")
    return list(rows.order_by("-created_at")[:SHOWN_EXPORTS])


def get_workspace_export(*, export_id: UUID, workspace_id: UUID) -> ExportJob:
    """However far it is. Raises ExportGone."""
    found = ExportJob.objects.filter(id=export_id, workspace_id=workspace_id).first()
    if found is None:
        raise refusals.ExportGone()
    return found


def access_export(*, export_id: UUID, user_id: UUID, now: datetime) -> ExportJob:
    """A person's own export that can be downloaded. Raises ExportGone."""
    # SECURITY: a person gets their own data only.
    return _downloadable(ExportJob.objects.filter(user_id=user_id, workspace=None), export_id, now)


def access_workspace_export(*, export_id: UUID, workspace_id: UUID, now: datetime) -> ExportJob:
    """Raises ExportGone. Who may own the workspace may have it."""
    return _downloadable(ExportJob.objects.filter(workspace_id=workspace_id), export_id, now)


def _downloadable(rows: QuerySet[ExportJob], export_id: UUID, now: datetime) -> ExportJob:
    found = rows.filter(id=export_id, expires_at__gt=now).exclude(file="").first()
    if found is None:
        raise refusals.ExportGone()
    return found
