"""Somebody comes back from the identity provider: who that is here, and whether they may come in."""

from datetime import timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.core.cache import caches
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import services as accounts_services
from accounts.members import services as members_services
from accounts.models import Membership, User
from accounts.permissions import Member
from accounts.sso import domains, queries
from accounts.sso.assertion import Assertion
from accounts.sso.models import Connection, Identity
from config import errors
from tenants import audit
from tenants.models import Workspace

NOTED_REFUSALS_PER_HOUR = 60


class ArrivalRefused(errors.DomainError):
    """The provider was believed, and yet this person does not come in. Nothing was changed."""

    status = 403


class AddressNotOurs(ArrivalRefused):
    code = "sso_address_not_ours"
    message = "Your identity provider named an address outside this workspace’s proven mail domains."


class NotReady(ArrivalRefused):
    code = "sso_not_ready"
    message = "Single sign-on is being set up here. Until it is tested, sign in another way."


class BoundToAnother(ArrivalRefused):
    code = "sso_bound_to_another"
    message = (
        "This address belongs to an account that is bound to another identity at your provider. "
        "An owner of the workspace can unbind it."
    )


class AddressContested(ArrivalRefused):
    code = "sso_address_contested"
    message = "An account that signs in with another address claims this one. Please write to an owner."


class NotInvited(ArrivalRefused):
    code = "sso_not_invited"
    message = "Nobody here has this address yet. Ask an owner of the workspace to invite you."


class PersonBlocked(ArrivalRefused):
    code = "sso_person_blocked"
    message = "This account is blocked. Please write to support."


class WrongPerson(ArrivalRefused):
    code = "sso_wrong_person"
    message = (
        "The test ended with somebody else’s address. Sign in at the provider as yourself, then test again."
    )


def arrive(*, connection_id: UUID, assertion: Assertion) -> User:
    """Who the assertion speaks of: known by issuer and subject, else bound by their proven address, else made.

    Membership comes with the binding, and takes a seat. Raises ArrivalRefused or what refuses a seat; then nothing is
    changed.
    """
    try:
        with transaction.atomic():
            connection = _locked(connection_id)
            if connection.state == Connection.State.DRAFT:
                raise NotReady()
            _check_domain(connection, assertion)
            known = connection.identities.filter(uid=assertion.uid).select_related("user").first()
            if known is not None:
                return _admitted(known.user)
            return _bound(connection, assertion)
    except IntegrityError as error:
        # Somebody signed up with this address at the same moment.
        raise errors.Conflict() from error


def finish_test(*, connection_id: UUID, assertion: Assertion, user_id: UUID) -> None:
    """The owner who tests has come back as themselves. Raises ArrivalRefused; NotFound for who is no owner."""
    with transaction.atomic():
        connection = _locked(connection_id)
        owners = Membership.objects.filter(
            workspace_id=connection.workspace_id, user_id=user_id, role=Membership.Role.OWNER
        )
        if not owners.exists():
            raise errors.NotFound()
        _check_domain(connection, assertion)
        if assertion.email.lower() not in queries.verified_addresses(user_id):
            raise WrongPerson()
        if connection.identities.filter(uid=assertion.uid).exclude(user_id=user_id).exists():
            raise BoundToAnother()
        Identity.objects.update_or_create(
            connection=connection, user_id=user_id, defaults={"uid": assertion.uid}
        )
        connection.tested_at = timezone.now()
        if connection.state == Connection.State.DRAFT:
            connection.state = Connection.State.TESTED
        connection.save(update_fields=["tested_at", "state"])
        _record("sso.tested", connection, User.objects.get(id=user_id))


def note_refusal(*, connection_id: UUID, reason: str) -> None:
    """For the log of the workspace: that somebody was turned away, and why. Without a name: it may be anybody."""
    connection = queries.find_connection(str(connection_id))
    if connection is None or not _is_noted(connection_id):
        return
    with transaction.atomic():
        audit.record(
            "sso.refused",
            actor=audit.SYSTEM,
            workspace_id=connection.workspace_id,
            target=("sso_connection", connection.id),
            reason=reason,
        )


def note_break_glass(*, member: Member) -> None:
    """An owner came in by password and second factor while single sign-on is enforced."""
    with transaction.atomic():
        audit.record(
            "sso.break_glass_used",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("membership", member.membership_id),
        )


def _is_noted(connection_id: UUID) -> bool:
    """Whoever sends nonsense must not fill a log that cannot be emptied."""
    cache, key = caches["shared"], f"sso-refusals:{connection_id}:{timezone.now():%Y%m%d%H}"
    cache.add(key, 0, timedelta(hours=1).total_seconds())
    return bool(cache.incr(key) <= NOTED_REFUSALS_PER_HOUR)


def _locked(connection_id: UUID) -> Connection:
    """Raises NotFound. Two arrivals of the same person make one account."""
    workspace_id = Connection.objects.filter(id=connection_id).values("workspace_id")
    Workspace.objects.select_for_update(no_key=True).filter(id__in=workspace_id).first()
    connection = Connection.objects.filter(id=connection_id).first()
    if connection is None:
        raise errors.NotFound()
    return connection


def _check_domain(connection: Connection, assertion: Assertion) -> None:
    # SECURITY: a provider that an owner chose speaks for the domains which they have proven, and for nobody else.
    if domains.of_address(assertion.email) not in queries.proven_domains(connection.workspace_id):
        raise AddressNotOurs()


def _admitted(user: User) -> User:
    """Signed in. Who was removed from the workspace does not come back to it by that."""
    if not user.is_active:
        raise PersonBlocked()
    return user


def _bound(connection: Connection, assertion: Assertion) -> User:
    user = _owner_of_address(assertion.email)
    invitation_id = queries.pending_invitation(connection.workspace_id, assertion.email)
    is_new = user is None
    if user is None:
        if not connection.provisions and invitation_id is None:
            raise NotInvited()
        user = _made(assertion)
    if connection.identities.filter(user=_admitted(user)).exists():
        raise BoundToAnother()
    _join(connection, user, invitation_id)
    Identity.objects.create(connection=connection, user=user, uid=assertion.uid)
    _record("sso.identity_bound", connection, user, is_new=is_new)
    return user


def _join(connection: Connection, user: User, invitation_id: UUID | None) -> None:
    """By the invitation that waits, or with a new seat; either may be refused.

    Where nobody is let in unasked, an account that there was is signed in all the same, for its other workspaces.
    """
    if queries.is_member(user_id=user.id, workspace_id=connection.workspace_id):
        return
    if invitation_id is not None:
        members_services.accept(user=user, invitation_id=invitation_id)
        return
    if not connection.provisions:
        return
    accounts_services.add_member(
        workspace_id=connection.workspace_id,
        user=user,
        role=connection.default_role,
        actor=accounts_services.person_actor(user),
    )


def _owner_of_address(email: str) -> User | None:
    """Who has confirmed this address. An account that never confirmed any is taken from whoever began it.

    Raises AddressContested for an account that claims the address and lives by another one.
    """
    confirmed = EmailAddress.objects.filter(email__iexact=email, verified=True).select_related("user").first()
    if confirmed is not None:
        return User.objects.get(id=confirmed.user_id)
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        return None
    if EmailAddress.objects.filter(user=user, verified=True).exists():
        raise AddressContested()
    # SECURITY: somebody may have signed up with an address that is not theirs, and waits with its password.
    user.set_unusable_password()
    user.save(update_fields=["password"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def _made(assertion: Assertion) -> User:
    email = assertion.email.lower()
    user = User.objects.create_user(email, None, display_name=assertion.name[:80])
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def _record(action: str, connection: Connection, user: User, **data: object) -> None:
    audit.record(
        action,
        actor=accounts_services.person_actor(user),
        workspace_id=connection.workspace_id,
        target=("sso_connection", connection.id),
        **data,  # type: ignore[arg-type]
    )
