"""Reads of mail domains and connections."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.members.models import Invitation
from accounts.models import Membership, User
from accounts.permissions import Member
from accounts.sso import domains
from accounts.sso.models import Connection, Identity, MailDomain
from config import errors

SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def list_domains(workspace_id: UUID) -> list[MailDomain]:
    return list(MailDomain.objects.filter(workspace_id=workspace_id).order_by("domain"))


def access_domain(member: Member, domain_id: UUID) -> MailDomain:
    """Raises NotFound."""
    found = MailDomain.objects.filter(workspace_id=member.workspace_id, id=domain_id).first()
    if found is None:
        raise errors.NotFound()
    return found


def proven_domains(workspace_id: UUID) -> set[str]:
    rows = MailDomain.objects.filter(workspace_id=workspace_id, verified_at__isnull=False)
    return set(rows.values_list("domain", flat=True))


def get_connection(workspace_id: UUID) -> Connection | None:
    return Connection.objects.filter(workspace_id=workspace_id).first()


def access_connection(member: Member) -> Connection:
    """Raises NotFound."""
    connection = get_connection(member.workspace_id)
    if connection is None:
        raise errors.NotFound()
    return connection


def find_connection(text: str) -> Connection | None:
    """By its id, as addresses carry it."""
    try:
        return Connection.objects.filter(id=UUID(text)).select_related("workspace").first()
    except ValueError:
        return None


def connection_of_address(address: str) -> Connection | None:
    """Which connection signs an address in: by its domain alone, whether or not anybody has that address."""
    domain = domains.of_address(address)
    if not domain:
        return None
    found = MailDomain.objects.filter(
        domain=domain, verified_at__isnull=False, workspace__sso_connection__state__in=("tested", "enforced")
    )
    row = found.select_related("workspace__sso_connection").first()
    return row.workspace.sso_connection if row else None


@dataclass(frozen=True)
class Standing:
    """What the gate knows of one person in an enforced workspace."""

    connection_id: UUID
    changed_at: datetime
    must_use_it: bool


def standing(workspace_id: UUID, user_id: UUID) -> Standing | None:
    """None when nothing is enforced. One query."""
    proven = MailDomain.objects.filter(workspace_id=OuterRef("workspace_id"), verified_at__isnull=False)
    addresses = EmailAddress.objects.filter(user_id=user_id, verified=True)
    row = (
        Connection.objects.filter(workspace_id=workspace_id, state=Connection.State.ENFORCED)
        .annotate(
            proven=ArraySubquery(proven.values("domain")),
            addresses=ArraySubquery(addresses.values("email")),
            login=Coalesce(User.objects.filter(id=user_id).values("email")[:1], Value("")),
            is_known=Exists(Identity.objects.filter(connection_id=OuterRef("id"), user_id=user_id)),
        )
        .values("id", "changed_at", "admits_guests", "proven", "addresses", "login", "is_known")
        .first()
    )
    if row is None:
        return None
    own = is_of(row["proven"], [row["login"], *row["addresses"]])
    return Standing(row["id"], row["changed_at"], own or row["is_known"] or not row["admits_guests"])


def is_of(proven: Collection[str], addresses: Collection[str]) -> bool:
    return any(domains.of_address(address) in proven for address in addresses)


@dataclass(frozen=True)
class Consequences:
    """Whom enforcing reaches: names, in order."""

    bound: tuple[str, ...]
    guests: tuple[str, ...]
    owners_without_second_factor: tuple[str, ...]
    membership_ids: tuple[UUID, ...]


def consequences(connection: Connection) -> Consequences:
    """Four queries, whatever the number of members."""
    proven = proven_domains(connection.workspace_id)
    known = set(connection.identities.values_list("user_id", flat=True))
    bound: list[Membership] = []
    guests: list[Membership] = []
    bare: list[Membership] = []
    for membership in _members(connection.workspace_id):
        addresses = [membership.user.email, *membership.addresses]  # type: ignore[attr-defined]  # annotated
        is_bound = membership.user_id in known or is_of(proven, addresses)
        (bound if is_bound or not connection.admits_guests else guests).append(membership)
        if membership.role == Membership.Role.OWNER and not membership.is_two_factor:  # type: ignore[attr-defined]
            bare.append(membership)
    return Consequences(_names(bound), _names(guests), _names(bare), tuple(row.id for row in bound))


def _names(memberships: list[Membership]) -> tuple[str, ...]:
    return tuple(row.user.name for row in memberships)


def _members(workspace_id: UUID) -> QuerySet[Membership]:
    addresses = EmailAddress.objects.filter(user_id=OuterRef("user_id"), verified=True)
    factors = Authenticator.objects.filter(user_id=OuterRef("user_id"), type__in=SECOND_FACTORS)
    rows = Membership.objects.filter(workspace_id=workspace_id).select_related("user").order_by("created_at")
    return rows.annotate(addresses=ArraySubquery(addresses.values("email")), is_two_factor=Exists(factors))


def has_second_factor(user_id: UUID) -> bool:
    return Authenticator.objects.filter(user_id=user_id, type__in=SECOND_FACTORS).exists()


def verified_addresses(user_id: UUID) -> set[str]:
    rows = EmailAddress.objects.filter(user_id=user_id, verified=True)
    return {email.lower() for email in rows.values_list("email", flat=True)}


def owns_an_enforced_workspace(user_id: UUID) -> bool:
    return Membership.objects.filter(
        user_id=user_id, role=Membership.Role.OWNER, workspace__sso_connection__state="enforced"
    ).exists()


def pending_invitation(workspace_id: UUID, email: str) -> UUID | None:
    """What this address was invited by."""
    rows = Invitation.objects.pending(now=timezone.now()).filter(
        workspace_id=workspace_id, email=email.lower()
    )
    return rows.values_list("id", flat=True).first()


def is_member(*, user_id: UUID, workspace_id: UUID) -> bool:
    return Membership.objects.filter(user_id=user_id, workspace_id=workspace_id).exists()


def with_workspace(connection: Connection) -> Connection:
    """The same with the workspace's name at hand."""
    return Connection.objects.select_related("workspace").get(id=connection.id)
