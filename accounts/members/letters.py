"""Mails about invitations and memberships: owed in the transaction of what they tell."""

from uuid import UUID, uuid4

from accounts import queries as accounts_queries
from accounts.mails import services as mails
from accounts.members.rules import ROLE_WORDS, Role
from accounts.models import Invitation, Membership, User
from accounts.permissions import Member
from tenants import links
from tenants.scope import WorkspaceRef, get_ref


def name_of(member: Member) -> str:
    return accounts_queries.names_of_persons([member.person_ref]).get(member.person_ref, "A colleague")


def owe_invitation(invitation: Invitation, token: str, *, workspace: WorkspaceRef, inviter: str) -> None:
    """`inviter`: their name. The only place that the token is written to; the outbox forgets it when it is sent."""
    mails.send_once(
        f"invitation:{invitation.id}:{invitation.sent_count}",
        kind="invitation",
        to=[invitation.email],
        context={
            "workspace": workspace.name,
            "inviter": inviter,
            "role": invitation.role,
            "role_words": ROLE_WORDS[Role(invitation.role)],
            "ends_on": f"{invitation.expires_at:%-d %B %Y, %H:%M} UTC",
            "url": links.main_url("invitation", on_own_domain=True, token=token),
        },
        workspace_id=workspace.id,
    )


def owe_removed(user: User, workspace_id: UUID, *, by: str) -> None:
    _owe("member_removed", user, get_ref(id=workspace_id), by=by)


def owe_role_changed(membership: Membership, *, by: str) -> None:
    words = ROLE_WORDS[Role(membership.role)]
    workspace = get_ref(id=membership.workspace_id)
    _owe("role_changed", membership.user, workspace, by=by, role=membership.role, role_words=words)


def owe_handed_over(former: User, new: User, workspace_id: UUID) -> None:
    """To both: the one who hands over would notice a theft."""
    workspace = get_ref(id=workspace_id)
    for user in (former, new):
        _owe("ownership_handed_over", user, workspace, former=former.name, owner=new.name)


def _owe(kind: str, user: User, workspace: WorkspaceRef, **context: str) -> None:
    url = links.absolute_workspace_url(workspace, "dashboard")
    values = {"name": user.name, "workspace": workspace.name, "url": url, **context}
    # Each happens once: what it tells is no state that could be told twice.
    mails.send_once(
        f"{kind}:{uuid4()}", kind=kind, to=[user.email], context=values, workspace_id=workspace.id
    )
