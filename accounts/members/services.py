"""Writes to who is in a workspace: invitations and their answers, roles, ownership, leaving."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import revocation
from accounts import services as accounts_services
from accounts.members import inviting, letters, queries, refusals, rules, tokens
from accounts.members.addresses import Entry, email_of
from accounts.members.models import LIFE, State
from accounts.models import Invitation, Membership, User
from accounts.permissions import ROLE_PERMISSIONS, Member, Permission
from config import errors, ports
from tenants import audit
from tenants.models import Workspace
from tenants.scope import WorkspaceSuspended, get_ref
from tenants.webhooks import emission

Role = Membership.Role
SENT_AGAIN_AFTER_S = 60
KEPT_AFTER_END = timedelta(days=30)


# invitations


def invite(*, member: Member, emails: Sequence[str], role: str) -> list[Invitation]:
    """The new ones: who is a member or invited already, and what is no address, is passed over.

    Raises what `inviting.invite_entries` raises.
    """
    entries = [Entry(text, email_of(text)) for text in emails]
    judged = inviting.invite_entries(member=member, entries=entries, role=role)
    return [row.invitation for row in judged if row.invitation is not None]


def resend(*, member: Member, invitation_id: UUID) -> Invitation:
    """A new link, and seven days from now; the former link is dead. An expired one takes a seat again.

    Raises NotFound, SentJustNow, RoleAboveOwn, AlreadyMember, InvitationsSpent, what the port `seat_wanted` refuses.
    """
    token, now = tokens.generate(), timezone.now()
    with transaction.atomic():
        found = queries.access_invitation(member, invitation_id)
        seats = 0 if found.state(now) == State.PENDING else 1
        ports.seat_wanted(workspace_id=member.workspace_id, seats=seats)
        invitation = _lock(found)
        _require_resendable(member, invitation, now)
        invitation.token_hash = tokens.hash_of(token)
        invitation.sent_count += 1
        invitation.last_sent_at, invitation.expires_at = now, now + LIFE
        invitation.save(update_fields=["token_hash", "sent_count", "last_sent_at", "expires_at"])
        workspace, inviter = get_ref(id=member.workspace_id), letters.name_of(member)
        letters.owe_invitation(invitation, token, workspace=workspace, inviter=inviter)
        _enter("invitation.resent", invitation, actor=member.actor, sent=invitation.sent_count)
    return invitation


def _lock(found: Invitation) -> Invitation:
    """After the seats' lock, always in this order. Raises NotFound when it was answered or revoked meanwhile."""
    locked = Invitation.objects.open().select_for_update(of=("self",)).filter(id=found.id).first()
    if locked is None:
        raise errors.NotFound()
    return locked


def _require_resendable(member: Member, invitation: Invitation, now: datetime) -> None:
    rules.require_grantable(member.role, invitation.role)
    waited_s = int((now - invitation.last_sent_at).total_seconds())
    if waited_s < SENT_AGAIN_AFTER_S:
        raise refusals.SentJustNow(data={"retry_after_s": SENT_AGAIN_AFTER_S - waited_s})
    if queries.list_members_among(member.workspace_id, [invitation.email]):
        raise refusals.AlreadyMember()
    inviting.require_within_day(member.workspace_id, 1, now)


def revoke(*, member: Member, invitation_id: UUID) -> None:
    """The link is dead and the seat is free. Raises NotFound."""
    with transaction.atomic():
        invitation = _lock(queries.access_invitation(member, invitation_id))
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])
        _enter("invitation.revoked", invitation, actor=member.actor)


def accept(*, user: User, token: str = "", invitation_id: UUID | None = None) -> Membership:
    """The person joins; by the link, or by the invitation's id for one to an address of theirs. Once: again returns the
    same membership.

    Raises InvitationUnknown, NotFound, OtherAddress, InvitationEnded, WorkspaceSuspended, what `seat_wanted` refuses.
    """
    with transaction.atomic():
        found = _find(user, token, invitation_id)
        membership = _membership_of(found, user)
        if found.accepted_at is not None and membership is not None:
            return membership
        _require_pending(found)
        if membership is None:
            ports.seat_wanted(workspace_id=found.workspace_id, seats=1, are_held=True)
        invitation = _reread(found, user)
        membership = _membership_of(invitation, user)
        if invitation.accepted_at is not None and membership is not None:
            return membership
        _require_pending(invitation)
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        if membership is None:
            membership = accounts_services.enrol(
                workspace_id=invitation.workspace_id, user=user, role=invitation.role
            )
        actor = accounts_services.person_actor(user)
        _enter("invitation.accepted", invitation, actor=actor, membership=membership.id, role=membership.role)
    return membership


def _find(user: User, token: str, invitation_id: UUID | None) -> Invitation:
    if invitation_id is not None:
        return queries.access_own_invitation(user, invitation_id)
    invitation = queries.get_invitation(token)
    require_addressee(invitation, user)
    return invitation


def require_addressee(invitation: Invitation, user: User) -> None:
    """Raises OtherAddress."""
    if not queries.owns_address(user, invitation.email):
        raise refusals.OtherAddress(
            f"It was sent to {invitation.masked_email}, which is no confirmed address of the account you are signed in"
            " with. Sign in with the account that has it.",
            data={"sent_to": invitation.masked_email},
        )


def _require_pending(invitation: Invitation) -> None:
    """Raises InvitationEnded, WorkspaceSuspended."""
    state = invitation.state(timezone.now())
    if state != State.PENDING:
        raise refusals.InvitationEnded(state)
    if invitation.workspace.state != Workspace.State.ACTIVE:
        raise WorkspaceSuspended()


def _reread(found: Invitation, user: User) -> Invitation:
    """Under its lock, as it is now. Raises InvitationUnknown when its link was replaced meanwhile."""
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("workspace")
    invitation = rows.filter(id=found.id, token_hash=found.token_hash).first()
    if invitation is None:
        raise refusals.InvitationUnknown()
    return invitation


def _membership_of(invitation: Invitation, user: User) -> Membership | None:
    return Membership.objects.filter(workspace_id=invitation.workspace_id, user=user).first()


def decline(*, user: User | None = None, token: str = "", invitation_id: UUID | None = None) -> Invitation:
    """The seat is free again. Without `user`: by whoever holds the link, which was mailed to the address.

    Raises InvitationUnknown, NotFound, OtherAddress, InvitationEnded.
    """
    with transaction.atomic():
        found = _find(user, token, invitation_id) if user else queries.get_invitation(token)
        rows = Invitation.objects.select_for_update(of=("self",)).filter(token_hash=found.token_hash)
        invitation = rows.filter(id=found.id).first()
        if invitation is None:
            raise refusals.InvitationUnknown()
        now = timezone.now()
        if invitation.state(now) != State.PENDING:
            raise refusals.InvitationEnded(invitation.state(now))
        invitation.declined_at = now
        invitation.save(update_fields=["declined_at"])
        actor = accounts_services.person_actor(user) if user else audit.SYSTEM
        _enter("invitation.declined", invitation, actor=actor)
    return invitation


def forget_ended(*, now: datetime) -> int:
    """Deletes what ended long ago: an address is not kept for longer than somebody may ask about it."""
    ended = Q(expires_at__lt=now - KEPT_AFTER_END)
    for name in ("accepted_at", "declined_at", "revoked_at"):
        ended |= Q(**{f"{name}__lt": now - KEPT_AFTER_END})
    return Invitation.objects.filter(ended).delete()[0]


def _enter(action: str, invitation: Invitation, *, actor: audit.Actor, **data: object) -> None:
    """The address only sealed, under the invitation's own key."""
    audit.record(
        action,
        actor=actor,
        workspace_id=invitation.workspace_id,
        target=("invitation", invitation.id),
        personal={"email": invitation.email},
        about=invitation.id,
        **data,  # type: ignore[arg-type]  # plain data
    )


# roles


@contextmanager
def _locked(member: Member, membership_id: UUID) -> Iterator[tuple[Membership, Membership, set[UUID]]]:
    """The member's own row, the other one, and the ids of all owners who may sign in: nobody changes them meanwhile.

    Raises NotFound.
    """
    with transaction.atomic():
        concerned = Q(id__in={member.membership_id, membership_id}) | Q(role=Role.OWNER)
        rows = Membership.objects.filter(concerned, workspace_id=member.workspace_id).select_related("user")
        found = {row.id: row for row in rows.select_for_update(of=("self",)).order_by("id")}
        own, other = found.get(member.membership_id), found.get(membership_id)
        if own is None or other is None:
            raise errors.NotFound()
        yield own, other, {row.id for row in found.values() if row.role == Role.OWNER and row.user.is_active}


def _require_manager(own: Membership) -> None:
    """Raises Forbidden."""
    if Permission.MEMBERS_MANAGE not in ROLE_PERMISSIONS[own.role]:
        raise errors.Forbidden(data={"needs": Permission.MEMBERS_MANAGE.value})


def _require_other_owner(owners: Collection[UUID], leaving: Membership) -> None:
    """Raises LastOwner."""
    if leaving.role == Role.OWNER and not set(owners) - {leaving.id}:
        raise refusals.LastOwner()


def change_role(*, member: Member, membership_id: UUID, role: str) -> Membership:
    """Counts from the next request; open streams that the new role does not allow end, keys keep what it has.

    Raises NotFound, RoleAboveOwn, OwnersOnly, LastOwner. The same role again writes nothing.
    """
    with _locked(member, membership_id) as (own, other, owners):
        # SECURITY: by the role that the member has now, not by the one their request began with.
        _require_manager(own)
        rules.require_changeable(own.role, other.role)
        rules.require_grantable(own.role, role)
        former = other.role
        if role == former:
            return other
        _require_other_owner(owners, other)
        _give(other, role)
        _record("member.role_changed", member, other, before={"role": former}, after={"role": role})
        if other.id != own.id:
            letters.owe_role_changed(other, by=letters.name_of(member))
    return other


def _give(membership: Membership, role: str) -> None:
    lost, former = ROLE_PERMISSIONS[membership.role] - ROLE_PERMISSIONS[role], membership.role
    membership.role = role
    membership.save(update_fields=["role"])
    emission.emit(
        "member.role_changed",
        workspace_id=membership.workspace_id,
        membership_id=membership.id,
        user_id=membership.user_id,
        role=str(role),
        former_role=former,
    )
    if lost:
        revocation.announce_on_commit("role", revocation.role_identifier(membership.id, role))


def _record(action: str, member: Member, other: Membership, **changed: dict[str, str]) -> None:
    audit.record(
        action,
        actor=member.actor,
        workspace_id=member.workspace_id,
        target=("membership", other.id),
        person=accounts_services.person_reference(other.user),
        **changed,  # type: ignore[arg-type]  # before and after
    )


def transfer_ownership(*, member: Member, membership_id: UUID) -> Membership:
    """The other becomes an owner and the member an admin. Raises NotFound, OwnersOnly, NotToOneself."""
    with _locked(member, membership_id) as (own, other, _):
        if own.role != Role.OWNER:
            raise refusals.OwnersOnly("Only an owner can hand the workspace over.")
        if own.id == other.id:
            raise refusals.NotToOneself()
        if not other.user.is_active:
            raise errors.NotFound()
        former = other.role
        _give(other, Role.OWNER)
        _give(own, Role.ADMIN)
        # Whoever owns it now has a personal one of their own.
        Workspace.objects.filter(id=member.workspace_id, is_personal=True).update(is_personal=False)
        _record(
            "workspace.ownership_transferred",
            member,
            other,
            before={"owner_role": Role.OWNER, "other_role": former},
            after={"owner_role": Role.ADMIN, "other_role": Role.OWNER},
        )
        letters.owe_handed_over(own.user, other.user, member.workspace_id)
    return other


def remove(*, member: Member, membership_id: UUID) -> None:
    """Their sessions' streams, keys and running answers here end within a second. Of oneself: like `leave`.

    Raises NotFound, OwnersOnly, LastOwner.
    """
    with _locked(member, membership_id) as (own, other, owners):
        is_own = own.id == other.id
        _require_other_owner(owners, other)
        if not is_own:
            _require_manager(own)
            rules.require_changeable(own.role, other.role)
            letters.owe_removed(other.user, member.workspace_id, by=letters.name_of(member))
        accounts_services.remove_member(
            membership_id=other.id,
            workspace_id=member.workspace_id,
            actor=member.actor,
            action="member.left" if is_own else "member.removed",
        )


def leave(*, member: Member) -> None:
    """Raises LastOwner."""
    remove(member=member, membership_id=member.membership_id)
