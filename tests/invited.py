"""Invitations for tests: made by the product's services, their links read out of the mails."""

import re
from datetime import timedelta

from accounts.mails.models import Mail
from accounts.members import services as members
from accounts.members.models import LIFE, Invitation
from accounts.permissions import Member
from tests.mails import deliver

LINK = re.compile(r"http://127\.0\.0\.1:8000(/invitations/[\w-]+/)")


def invite(member: Member, email: str, role: str = "member") -> Invitation:
    (invitation,) = members.invite(member=member, emails=[email], role=role)
    return invitation


def path_to(invitation: Invitation) -> str:
    """The latest link to it, as its mail has it."""
    mail = Mail.objects.get(key=f"invitation:{invitation.id}:{invitation.sent_count}")
    if mail.sent_at is None:
        deliver("invitation")
    message = next(m for m in reversed(_outbox()) if m.to == [invitation.email])
    found = LINK.search(message.body)
    assert found is not None
    return found[1]


def token_of(invitation: Invitation) -> str:
    return path_to(invitation).split("/")[2]


def _outbox() -> list:
    from django.core import mail

    return mail.outbox


def age(invitation: Invitation, by: timedelta = LIFE) -> Invitation:
    """As if it had been sent that much earlier."""
    invitation.expires_at -= by
    invitation.last_sent_at -= by
    invitation.save(update_fields=["expires_at", "last_sent_at"])
    return invitation
