"""Reads of people, memberships and keys."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db.models import Case, Q, QuerySet, When
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, Invitation, Membership, PersonReference, User
from accounts.permissions import ROLE_PERMISSIONS, Member, permissions_of
from config import errors
from tenants.models import Workspace
from tenants.scope import REF_FIELDS, WorkspaceRef


class InvalidApiKey(errors.DomainError):
    code = "invalid_api_key"
    status = 401
    message = "This API key is not valid: it may be mistyped, expired or revoked."


class KeyOfAnotherEnvironment(InvalidApiKey):
    code = "key_of_another_environment"
    message = "This API key belongs to another environment: here keys begin with stw_{}_."

    def __init__(self) -> None:
        super().__init__(self.message.format(settings.API_KEY_ENVIRONMENT))


def get_member(*, user_id: UUID, workspace_id: UUID, session_key: str | None) -> Member | None:
    """One query. None when the person is not in the workspace."""
    row = (
        Membership.objects.filter(user_id=user_id, workspace_id=workspace_id)
        .values("id", "role", "user__person_reference__ref")
        .first()
    )
    if row is None:
        return None
    return Member(
        user_id=user_id,
        person_ref=row["user__person_reference__ref"],
        workspace_id=workspace_id,
        membership_id=row["id"],
        role=row["role"],
        permissions=ROLE_PERMISSIONS[row["role"]],
        session_key=session_key,
    )


def get_key_owner(text: str, *, now: datetime) -> tuple[Member, WorkspaceRef, ApiKey]:
    """The member and workspace a key speaks for, in one query. Raises InvalidApiKey, KeyOfAnotherEnvironment."""
    key = find_key(text, now=now)
    membership = key.membership
    allowed = ROLE_PERMISSIONS[membership.role] & permissions_of(key.scopes)
    member = Member(
        user_id=membership.user_id,
        person_ref=membership.user.person_reference.ref,
        workspace_id=membership.workspace_id,
        membership_id=membership.id,
        role=membership.role,
        permissions=allowed,
        api_key_id=key.id,
    )
    return member, ref_of(membership.workspace), key


def find_key(text: str, *, now: datetime) -> ApiKey:
    """One query. Raises InvalidApiKey, KeyOfAnotherEnvironment."""
    parsed = api_keys.parse(text)
    if parsed is None:
        raise InvalidApiKey()
    if parsed.environment not in (api_keys.FORMER, settings.API_KEY_ENVIRONMENT):
        raise KeyOfAnotherEnvironment()
    key = (
        ApiKey.objects.filter(prefix=parsed.prefix, revoked_at__isnull=True)
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now), membership__user__is_active=True)
        .select_related("membership__workspace", "membership__user__person_reference")
        .first()
    )
    if key is None or not _opens(text, key, now=now):
        raise InvalidApiKey()
    return key


def _opens(text: str, key: ApiKey, *, now: datetime) -> bool:
    if api_keys.matches(text, key.key_hash):
        return True
    if key.former_hash is None or key.former_ends_at is None or key.former_ends_at <= now:
        return False
    return api_keys.matches(text, key.former_hash)


def ref_of(workspace: Workspace) -> WorkspaceRef:
    return WorkspaceRef(**{name: getattr(workspace, name) for name in REF_FIELDS})


def get_owner_id(workspace_id: UUID) -> UUID | None:
    """The first of its owners who can still sign in."""
    owners = Membership.objects.filter(
        workspace_id=workspace_id, role=Membership.Role.OWNER, user__is_active=True
    )
    return owners.order_by("created_at").values_list("user_id", flat=True).first()


def list_owner_emails(workspace_id: UUID) -> list[str]:
    """Where mail about the workspace itself goes."""
    owners = Membership.objects.filter(
        workspace_id=workspace_id, role=Membership.Role.OWNER, user__is_active=True
    )
    return list(owners.order_by("created_at").values_list("user__email", flat=True))


def list_manager_emails(workspace_id: UUID) -> list[str]:
    """Of its owners and admins."""
    roles = [Membership.Role.OWNER, Membership.Role.ADMIN]
    managers = Membership.objects.filter(workspace_id=workspace_id, role__in=roles, user__is_active=True)
    return list(managers.order_by("created_at").values_list("user__email", flat=True))


def owner_addresses(*, workspace_id: UUID) -> list[str]:
    """The answer to the port of the same name."""
    return list_owner_emails(workspace_id)


def list_workspaces(user_id: UUID) -> list[WorkspaceRef]:
    rows = (
        Workspace.objects.filter(memberships__user_id=user_id)
        .order_by("is_personal", "name")
        .values(*REF_FIELDS)
    )
    return [WorkspaceRef(**row) for row in rows]


def list_places(user_id: UUID) -> list[dict[str, object]]:
    """The workspaces of a person with their role: id, slug, name, role. One query."""
    rows = Membership.objects.filter(user_id=user_id).order_by("workspace__is_personal", "workspace__name")
    return [
        {"id": row[0], "slug": row[1], "name": row[2], "role": row[3]}
        for row in rows.values_list("workspace_id", "workspace__slug", "workspace__name", "role")
    ]


def get_home_workspace(user_id: UUID) -> WorkspaceRef | None:
    """Where a person lands after signing in: the workspace they joined last, the personal one otherwise; one that is
    not active only when there is no other."""
    is_active = Case(When(state=Workspace.State.ACTIVE, then=0), default=1)
    rows = Workspace.objects.filter(memberships__user_id=user_id).order_by(
        is_active, "is_personal", "-memberships__created_at"
    )
    row = rows.values(*REF_FIELDS).first()
    return WorkspaceRef(**row) if row else None


def list_api_keys(member: Member) -> QuerySet[ApiKey]:
    # SECURITY: a member sees their own keys only.
    return ApiKey.objects.filter(membership_id=member.membership_id)


def list_unrevoked_api_keys(member: Member) -> QuerySet[ApiKey]:
    """Newest first, expired ones among them."""
    return list_api_keys(member).filter(revoked_at__isnull=True).order_by("-created_at", "-id")


def get_api_key(member: Member, key_id: UUID) -> ApiKey:
    """Any key of the member, a revoked one too. Raises NotFound."""
    key = list_api_keys(member).filter(id=key_id).first()
    if key is None:
        raise errors.NotFound()
    return key


def access_api_key(member: Member, key_id: UUID) -> ApiKey:
    """A key that the member can still change, rotate and revoke. Raises NotFound."""
    key = list_unrevoked_api_keys(member).filter(id=key_id).first()
    if key is None:
        raise errors.NotFound()
    return key


def get_owned_workspace(user_id: UUID) -> WorkspaceRef | None:
    """Of the workspaces that a person owns, the one they joined last; a personal one only when it is the only kind."""
    rows = Workspace.objects.filter(
        memberships__user_id=user_id, memberships__role=Membership.Role.OWNER
    ).order_by("is_personal", "-memberships__created_at")
    row = rows.values(*REF_FIELDS).first()
    return WorkspaceRef(**row) if row else None


def list_owner_names(workspace_id: UUID) -> list[str]:
    """Whom to ask for what only an owner may do."""
    owners = Membership.objects.filter(
        workspace_id=workspace_id, role=Membership.Role.OWNER, user__is_active=True
    )
    return [row.user.name for row in owners.select_related("user").order_by("created_at")]


def has_confirmed_address(user_id: UUID) -> bool:
    return EmailAddress.objects.filter(user_id=user_id, verified=True).exists()


def get_active_user(user_id: UUID) -> User | None:
    return User.objects.filter(id=user_id, is_active=True).first()


def get_user_by_email(email: str) -> User | None:
    return User.objects.filter(email__iexact=email).first()


def names_of_persons(refs: Collection[UUID]) -> dict[UUID, str]:
    """Names by reference; erased persons are missing. One query."""
    rows = PersonReference.objects.filter(ref__in=refs).select_related("user")
    return {row.ref: row.user.name for row in rows}


def list_members(workspace_id: UUID) -> dict[UUID, str]:
    """Who is in the workspace: names by reference, in order. One query."""
    rows = PersonReference.objects.filter(user__memberships__workspace_id=workspace_id).select_related("user")
    return {row.ref: row.user.name for row in sorted(rows, key=lambda row: row.user.name.lower())}


def list_people(workspace_id: UUID) -> dict[UUID, str]:
    """Who is in the workspace: names by the person's id, in order. One query."""
    rows = User.objects.filter(memberships__workspace_id=workspace_id)
    return {row.id: row.name for row in sorted(rows, key=lambda row: row.name.lower())}


def names_of_keys(workspace_id: UUID, key_ids: Collection[UUID] | None = None) -> dict[UUID, str]:
    """Names of these keys of the workspace, or of all that are not revoked. One query."""
    rows = ApiKey.objects.filter(membership__workspace_id=workspace_id)
    rows = rows.filter(revoked_at__isnull=True) if key_ids is None else rows.filter(id__in=key_ids)
    return {row.id: f"{row.name} ({row.prefix}…)" for row in rows.order_by("name", "created_at")}


def count_seats(workspace_id: UUID) -> int:
    """How many seats are taken: by every membership, whatever its role, and by every pending invitation."""
    return count_persons(workspace_id) + count_pending_invitations(workspace_id)


def count_persons(workspace_id: UUID) -> int:
    """How many persons are in the workspace. One query."""
    return Membership.objects.filter(workspace_id=workspace_id).count()


def count_pending_invitations(workspace_id: UUID) -> int:
    """Those that still hold a seat. One query."""
    return Invitation.objects.pending(now=timezone.now()).filter(workspace_id=workspace_id).count()


def list_memberships_beyond(workspace_id: UUID, *, seats: int) -> list[UUID]:
    """Who finds no seat among so many: owners come first, then whoever joined first. One query."""
    is_owner = Case(When(role=Membership.Role.OWNER, then=0), default=1)
    rows = Membership.objects.filter(workspace_id=workspace_id).order_by(is_owner, "created_at", "id")
    return list(rows.values_list("id", flat=True)[seats:])


def list_own_key_ids(membership_id: UUID) -> tuple[UUID, ...]:
    return tuple(ApiKey.objects.filter(membership_id=membership_id).values_list("id", flat=True))


def list_staff_addresses() -> list[str]:
    return list(User.objects.filter(is_staff=True, is_active=True).values_list("email", flat=True))
