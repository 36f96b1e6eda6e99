"""One list of addresses, judged and invited: all that can be, or nobody when the seats do not suffice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Sum, TextChoices
from django.utils import timezone

from accounts.members import letters, queries, refusals, rules, tokens
from accounts.members.addresses import Entry
from accounts.members.models import LIFE
from accounts.models import Invitation
from accounts.permissions import Member
from config import ports
from tenants import audit
from tenants.scope import get_ref

MOST_AT_ONCE = 100
MOST_IN_A_DAY = 500
DAY = timedelta(days=1)


class Verdict(TextChoices):
    INVITED = "invited", "Invited"
    MEMBER = "already_member", "A member already"
    ALREADY = "already_invited", "Invited already"
    MALFORMED = "malformed", "Not an e-mail address"


@dataclass(frozen=True)
class Judged:
    """`invitation`: the new one; for `already_invited` none."""

    text: str
    email: str | None
    verdict: Verdict
    invitation: Invitation | None = None


def invite_entries(*, member: Member, entries: Sequence[Entry], role: str) -> list[Judged]:
    """One judgement for each entry, in order; one audit entry and one mail for each who is invited.

    Raises RoleAboveOwn, TooManyInvitations, InvitationsSpent, and what the port `seat_wanted` refuses: then nobody is.
    """
    rules.require_grantable(member.role, role)
    if len(entries) > MOST_AT_ONCE:
        text = f"These are {len(entries):,} addresses. Invite at most {MOST_AT_ONCE} at once."
        raise refusals.TooManyInvitations(text, data={"most": MOST_AT_ONCE})
    emails = {entry.email for entry in entries if entry.email}
    if not emails:
        return [Judged(entry.text, None, Verdict.MALFORMED) for entry in entries]
    with transaction.atomic():
        # The lock comes first, so that what is read below stays true.
        ports.seat_wanted(workspace_id=member.workspace_id, seats=0)
        now = timezone.now()
        here = queries.list_members_among(member.workspace_id, emails)
        waiting = _pending_among(member.workspace_id, emails, now)
        fresh = emails - here - waiting
        if fresh:
            ports.seat_wanted(workspace_id=member.workspace_id, seats=len(fresh))
            require_within_day(member.workspace_id, len(fresh), now)
        new = _make_all(member, fresh, role, now)
    return [_judge(entry, here, new) for entry in _first_of_each(entries)]


def require_within_day(workspace_id: UUID, wanted: int, now: datetime) -> None:
    """Nobody's mailbox is filled from here. Under the seats' lock. Raises InvitationsSpent."""
    rows = Invitation.objects.filter(workspace_id=workspace_id, last_sent_at__gt=now - DAY)
    sent = rows.aggregate(sent=Sum("sent_count"))["sent"] or 0
    if sent + wanted > MOST_IN_A_DAY:
        text = f"A workspace sends at most {MOST_IN_A_DAY} invitations in 24 hours. Go on tomorrow."
        raise refusals.InvitationsSpent(text, data={"most": MOST_IN_A_DAY})


def _pending_among(workspace_id: UUID, emails: set[str], now: datetime) -> set[str]:
    rows = Invitation.objects.pending(now=now).filter(workspace_id=workspace_id, email__in=emails)
    return set(rows.values_list("email", flat=True))


def _make_all(member: Member, emails: set[str], role: str, now: datetime) -> dict[str, Invitation]:
    if not emails:
        return {}
    expired = Invitation.objects.open().filter(workspace_id=member.workspace_id, email__in=emails)
    expired.update(revoked_at=now)
    workspace, inviter = get_ref(id=member.workspace_id), letters.name_of(member)
    made = {}
    for email in sorted(emails):
        token = tokens.generate()
        made[email] = invitation = Invitation.objects.create(
            workspace_id=member.workspace_id,
            email=email,
            role=role,
            token_hash=tokens.hash_of(token),
            invited_by=member.person_ref,
            expires_at=now + LIFE,
            last_sent_at=now,
        )
        letters.owe_invitation(invitation, token, workspace=workspace, inviter=inviter)
        audit.record(
            "invitation.created",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("invitation", invitation.id),
            after={"role": role},
            personal={"email": email},
            about=invitation.id,
        )
    return made


def _first_of_each(entries: Sequence[Entry]) -> list[tuple[Entry, bool]]:
    """Each entry, and whether its address comes for the first time."""
    seen: set[str] = set()
    found = []
    for entry in entries:
        found.append((entry, entry.email not in seen))
        seen |= {entry.email} if entry.email else set()
    return found


def _judge(found: tuple[Entry, bool], here: set[str], new: dict[str, Invitation]) -> Judged:
    entry, is_first = found
    if entry.email is None:
        return Judged(entry.text, None, Verdict.MALFORMED)
    if entry.email in here:
        return Judged(entry.text, entry.email, Verdict.MEMBER)
    if entry.email in new and is_first:
        return Judged(entry.text, entry.email, Verdict.INVITED, new[entry.email])
    return Judged(entry.text, entry.email, Verdict.ALREADY)
