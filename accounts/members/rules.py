"""Who may give which role to whom. Pure: the rows are locked and read by `services`."""

from accounts.members import refusals
from accounts.models import Membership

Role = Membership.Role
RANK = {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}
ROLE_WORDS = {
    Role.OWNER: "Everything, and the only ones who buy, hand over, export or delete the workspace.",
    Role.ADMIN: "Runs the workspace: people, settings, limits, and what everybody used.",
    Role.MEMBER: "Works here: asks, builds assistants, makes API keys.",
    Role.VIEWER: "Reads along, and changes nothing.",
}


def grantable(own: str) -> list[Role]:
    """The roles that somebody of this role may give, greatest first."""
    return [role for role in ROLE_WORDS if RANK[role] <= RANK[Role(own)]]


def require_grantable(own: str, role: str) -> None:
    """Raises UnknownRole, RoleAboveOwn."""
    if role not in Role.values:
        raise refusals.UnknownRole()
    if RANK[Role(role)] > RANK[Role(own)]:
        raise refusals.RoleAboveOwn()


def require_changeable(own: str, theirs: str) -> None:
    """Raises OwnersOnly."""
    if theirs == Role.OWNER != own:
        raise refusals.OwnersOnly()
