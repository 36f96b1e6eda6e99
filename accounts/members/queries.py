"""Reads of who is in a workspace, who is invited, and who they are to one person."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest

from accounts import queries as accounts_queries
from accounts.members import refusals, tokens
from accounts.models import Invitation, Membership, User
from accounts.permissions import Member
from config import errors
from tenants.models import Workspace
from tenants.scope import REF_FIELDS, WorkspaceRef

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
Role = Membership.Role


def list_people(member: Member, *, search: str = "") -> QuerySet[Membership]:
    """Everybody in the workspace, who joined last first, with `has_two_factors` and `last_seen_at`.

    Who manages members finds them by address too. One query.
    """
    rows = Membership.objects.filter(workspace_id=member.workspace_id).select_related("user")
    if search:
        found = Q(user__display_name__icontains=search)
        if member.can_manage_members:
            found |= Q(user__email__icontains=search)
        else:
            # Who has no name is shown by the part before the @.
            found |= Q(user__display_name="", user__email__istartswith=search.split("@", 1)[0])
        rows = rows.filter(found)
    factors = Authenticator.objects.filter(user_id=OuterRef("user_id"), type__in=SECOND_FACTORS)
    sessions = UserSession.objects.filter(user_id=OuterRef("user_id")).values("user_id")
    seen = sessions.annotate(last=Max("last_seen_at")).values("last")
    return rows.annotate(
        has_two_factors=Exists(factors), last_seen_at=Greatest(Subquery(seen), "user__last_login")
    ).order_by("-created_at", "-id")


def access_membership(member: Member, membership_id: UUID) -> Membership:
    """Of the member's workspace. Raises NotFound."""
    found = (
        Membership.objects.filter(id=membership_id, workspace_id=member.workspace_id)
        .select_related("user")
        .first()
    )
    if found is None:
        raise errors.NotFound()
    return found


def list_colleagues(member: Member) -> QuerySet[Membership]:
    """Everybody else, by address: whom the workspace can be handed to. One query."""
    rows = Membership.objects.filter(workspace_id=member.workspace_id, user__is_active=True)
    return rows.exclude(id=member.membership_id).select_related("user").order_by("user__email")


def names_by_user(workspace_id: UUID) -> dict[UUID, str]:
    """Who is in the workspace: names by the person's own id, in order. One query."""
    rows = Membership.objects.filter(workspace_id=workspace_id, user__is_active=True).select_related("user")
    return {row.user_id: row.user.name for row in sorted(rows, key=lambda row: row.user.name.lower())}


def list_invitations(workspace_id: UUID, *, search: str = "") -> QuerySet[Invitation]:
    """Open ones, expired ones among them, newest first."""
    rows = Invitation.objects.open().filter(workspace_id=workspace_id, email__icontains=search)
    return rows.order_by("-created_at", "-id")


def access_invitation(member: Member, invitation_id: UUID) -> Invitation:
    """An open one of the member's workspace. Raises NotFound."""
    found = list_invitations(member.workspace_id).filter(id=invitation_id).first()
    if found is None:
        raise errors.NotFound()
    return found


def get_invitation(token: str) -> Invitation:
    """Whatever has become of it. Raises InvitationUnknown."""
    found = Invitation.objects.filter(token_hash=tokens.hash_of(token)).select_related("workspace").first()
    if found is None:
        raise refusals.InvitationUnknown()
    return found


def owns_address(user: User, email: str) -> bool:
    """Whether the person has proven that this address is theirs. One query."""
    return EmailAddress.objects.filter(user=user, email__iexact=email, verified=True).exists()


def has_account(email: str) -> bool:
    """Whether somebody signed up with this address, proven or not. For whoever holds a link that was mailed there."""
    return (
        EmailAddress.objects.filter(email__iexact=email).exists()
        or accounts_queries.get_user_by_email(email) is not None
    )


def list_members_among(workspace_id: UUID, emails: Collection[str]) -> set[str]:
    """Those of these (lower-case) addresses that belong to members. Two queries."""
    here = {"user__memberships__workspace_id": workspace_id}
    proven = EmailAddress.objects.filter(email__in=emails, verified=True, **here)
    own = Membership.objects.filter(workspace_id=workspace_id, user__email__in=emails)
    return {*proven.values_list("email", flat=True), *own.values_list("user__email", flat=True)}


@dataclass(frozen=True)
class Place:
    """A workspace of one person."""

    workspace: WorkspaceRef
    role: str


def list_places(user_id: UUID) -> list[Place]:
    """Every workspace of a person, their personal one last. One query."""
    rows = (
        Membership.objects.filter(user_id=user_id)
        .order_by("workspace__is_personal", "workspace__name")
        .values("role", *(f"workspace__{name}" for name in REF_FIELDS))
    )
    return [
        Place(WorkspaceRef(**{name: row[f"workspace__{name}"] for name in REF_FIELDS}), row["role"])
        for row in rows
    ]


def list_own_invitations(user: User, *, now: datetime) -> list[Invitation]:
    """Pending ones to a person's proven addresses. One query."""
    addresses = EmailAddress.objects.filter(user=user, verified=True).values("email")
    rows = Invitation.objects.pending(now=now).filter(
        email__in=addresses, workspace__state=Workspace.State.ACTIVE
    )
    return list(rows.select_related("workspace").order_by("-created_at"))


def access_own_invitation(user: User, invitation_id: UUID) -> Invitation:
    """One to a proven address of the person, whatever has become of it. Raises NotFound."""
    addresses = EmailAddress.objects.filter(user=user, verified=True).values("email")
    rows = Invitation.objects.filter(id=invitation_id, email__in=addresses)
    found = rows.select_related("workspace").first()
    if found is None:
        raise errors.NotFound()
    return found


def inviter_names(invitations: Collection[Invitation]) -> Mapping[UUID, str]:
    """By reference; those who are gone are missing. One query."""
    return accounts_queries.names_of_persons({row.invited_by for row in invitations})


def list_sole_owned(user_id: UUID) -> list[WorkspaceRef]:
    """Workspaces in which the person is the only owner: what must be handed over or deleted before they can go."""
    others = Membership.objects.filter(
        workspace_id=OuterRef("workspace_id"), role=Role.OWNER, user__is_active=True
    ).exclude(user_id=user_id)
    rows = Membership.objects.filter(user_id=user_id, role=Role.OWNER).exclude(Exists(others))
    return [accounts_queries.ref_of(row.workspace) for row in rows.select_related("workspace")]
