"""What can be refused about members and invitations."""

from accounts.members.models import State
from config import errors


class LastOwner(errors.DomainError):
    code = "last_owner"
    status = 409
    message = "A workspace keeps at least one owner: hand it over or make somebody else an owner first."


class RoleAboveOwn(errors.DomainError):
    code = "role_above_own"
    status = 403
    message = "Nobody can give a role above their own."


class OwnersOnly(errors.DomainError):
    code = "owners_only"
    status = 403
    message = "Only an owner can change or remove an owner."


class UnknownRole(errors.DomainError):
    code = "unknown_role"
    status = 422
    message = "This role does not exist."


class NotToOneself(errors.DomainError):
    code = "not_to_oneself"
    status = 422
    message = "You own this workspace already: choose somebody else."


class TooManyInvitations(errors.DomainError):
    """`data`: most."""

    code = "too_many_invitations"
    status = 422


class InvitationsSpent(errors.DomainError):
    """`data`: most, in 24 hours."""

    code = "invitations_spent"
    status = 429


class SentJustNow(errors.DomainError):
    """`data`: retry_after_s."""

    code = "sent_just_now"
    status = 429
    message = "This invitation was sent just now. Wait a minute before you send it again."


class AlreadyMember(errors.Conflict):
    code = "already_member"
    message = "This person is a member already."


class InvitationUnknown(errors.NotFound):
    code = "invitation_unknown"
    message = (
        "This link leads to no invitation. It may be cut off, or a newer mail has replaced it: use the link of the"
        " latest one."
    )


class InvitationEnded(errors.DomainError):
    """Its code says how: invitation_expired, invitation_revoked, invitation_accepted, invitation_declined."""

    status = 410

    def __init__(self, state: State) -> None:
        super().__init__(ENDED_WORDS[state], code=f"invitation_{state}")


ENDED_WORDS = {
    State.EXPIRED: "Invitations work for seven days, and these are over. Ask whoever invited you to send it again.",
    State.REVOKED: "It was taken back. If you think that is a mistake, ask whoever invited you.",
    State.ACCEPTED: "Each invitation works once, and this one was accepted. Sign in to open the workspace.",
    State.DECLINED: "You declined it. If you have changed your mind, ask for a new one.",
}


class OtherAddress(errors.DomainError):
    """`data`: sent_to (masked)."""

    code = "invitation_for_another_address"
    status = 403
