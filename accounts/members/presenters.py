"""Members and invitations as their pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.members import queries, rules
from accounts.members.models import State
from accounts.models import Invitation, Membership, User
from accounts.permissions import Member

TONES = {"owner": "success", "admin": "info"}


@dataclass(frozen=True)
class PersonRow:
    membership: Membership
    user: User
    role: str
    tone: str
    is_self: bool
    can_change: bool
    can_hand_over: bool
    has_two_factors: bool
    last_seen_at: datetime | None


@dataclass(frozen=True)
class InvitationRow:
    invitation: Invitation
    inviter: str
    is_expired: bool
    can_resend: bool
    dialog_id: str
    question: str


def people(member: Member, memberships: Iterable[Membership]) -> list[PersonRow]:
    return [_person(member, row) for row in memberships]


def _person(member: Member, row: Membership) -> PersonRow:
    is_self = row.id == member.membership_id
    is_owner = member.role == rules.Role.OWNER
    return PersonRow(
        membership=row,
        user=row.user,
        role=rules.Role(row.role).label,
        tone=TONES.get(row.role, ""),
        is_self=is_self,
        can_change=member.can_manage_members and (row.role != rules.Role.OWNER or is_owner),
        can_hand_over=member.owns_workspace and not is_self and row.user.is_active,
        has_two_factors=row.has_two_factors,  # type: ignore[attr-defined]  # annotated by list_people
        last_seen_at=row.last_seen_at,  # type: ignore[attr-defined]  # annotated by list_people
    )


def invitations(member: Member, rows: Iterable[Invitation], *, now: datetime) -> list[InvitationRow]:
    found = list(rows)
    names = queries.inviter_names(found)
    return [
        InvitationRow(
            invitation=row,
            inviter=names.get(row.invited_by, "somebody who is gone"),
            is_expired=row.state(now) == State.EXPIRED,
            can_resend=row.role in rules.grantable(member.role)
            and now - row.last_sent_at > timedelta(minutes=1),
            dialog_id=f"revoke-{row.id}",
            question=f"Take back the invitation to {row.email}?",
        )
        for row in found
    ]
