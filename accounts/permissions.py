"""Who may do what: the one table. A view names its permission with `@requires`; nothing else decides."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from accounts.models import Membership
from config import errors
from tenants import audit
from tenants.models import AuditEntry

Role = Membership.Role


class Permission(StrEnum):
    VIEW = "view"
    CHAT = "chat"
    ASSISTANTS_MANAGE = "assistants:manage"
    KEYS_MANAGE = "keys:manage"
    USAGE_VIEW = "usage:view"
    MEMBERS_MANAGE = "members:manage"
    WORKSPACE_MANAGE = "workspace:manage"
    BILLING_VIEW = "billing:view"
    BILLING_MANAGE = "billing:manage"
    AUDIT_VIEW = "audit:view"
    WORKSPACE_OWN = "workspace:own"


MEMBER_PERMISSIONS = frozenset(
    {Permission.VIEW, Permission.CHAT, Permission.ASSISTANTS_MANAGE, Permission.KEYS_MANAGE}
)
ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.MEMBER: MEMBER_PERMISSIONS,
    Role.ADMIN: MEMBER_PERMISSIONS
    | {
        Permission.USAGE_VIEW,
        Permission.MEMBERS_MANAGE,
        Permission.WORKSPACE_MANAGE,
        Permission.BILLING_VIEW,
        Permission.AUDIT_VIEW,
    },
    Role.OWNER: frozenset(Permission),
}


# What the scopes of API keys mean. A permission's own name is a scope too, and means just that.
SCOPES: dict[str, frozenset[Permission]] = {
    "read": frozenset({Permission.VIEW}),
    "chat": frozenset({Permission.CHAT}),
    "assistants": frozenset({Permission.ASSISTANTS_MANAGE}),
    "usage": frozenset({Permission.USAGE_VIEW}),
    "billing": frozenset({Permission.BILLING_VIEW, Permission.BILLING_MANAGE}),
    "admin": frozenset(
        {
            Permission.KEYS_MANAGE,
            Permission.MEMBERS_MANAGE,
            Permission.WORKSPACE_MANAGE,
            Permission.AUDIT_VIEW,
            Permission.WORKSPACE_OWN,
        }
    ),
}
MEANINGS = {permission.value: frozenset({permission}) for permission in Permission} | SCOPES


def permissions_of(scopes: Iterable[str]) -> frozenset[Permission]:
    """What the scopes of a key allow; an unknown one allows nothing."""
    return frozenset().union(*(MEANINGS.get(scope, frozenset()) for scope in scopes))


def offered_scopes(permissions: Collection[Permission]) -> list[str]:
    """What somebody with these permissions can give: a scope whole, or what they have of it one by one."""
    offered: list[str] = []
    for scope, meant in SCOPES.items():
        if meant <= set(permissions):
            offered.append(scope)
        else:
            offered += [
                permission.value for permission in Permission if permission in meant & set(permissions)
            ]
    return offered


@dataclass(frozen=True)
class Visitor:
    """Somebody without an account, on a page that let them in (a widget on another site)."""

    id: UUID
    widget_id: UUID


@dataclass(frozen=True)
class Principal:
    """What an open stream stands on: it ends when one of these is revoked, or the role no longer has what it needs.

    `guest_of`: the workspace that lets a visitor in; then the membership's id is the widget's.
    """

    user_id: UUID
    membership_id: UUID
    session_key: str | None = None
    api_key_id: UUID | None = None
    needs: Permission = Permission.VIEW
    guest_of: UUID | None = None


@dataclass(frozen=True)
class Member:
    """A person in one workspace, for one request. With `visitor`, nobody's: ids are theirs and the widget's."""

    user_id: UUID
    person_ref: UUID
    workspace_id: UUID
    membership_id: UUID
    role: str
    permissions: frozenset[Permission]
    session_key: str | None = None
    api_key_id: UUID | None = None
    visitor: Visitor | None = None

    def can(self, permission: Permission) -> bool:
        return permission in self.permissions

    @property
    def can_chat(self) -> bool:
        return self.can(Permission.CHAT)

    @property
    def can_manage_assistants(self) -> bool:
        return self.can(Permission.ASSISTANTS_MANAGE)

    @property
    def can_manage_keys(self) -> bool:
        return self.can(Permission.KEYS_MANAGE)

    @property
    def can_view_all_usage(self) -> bool:
        return self.can(Permission.USAGE_VIEW)

    @property
    def can_manage_workspace(self) -> bool:
        return self.can(Permission.WORKSPACE_MANAGE)

    @property
    def can_view_billing(self) -> bool:
        return self.can(Permission.BILLING_VIEW)

    @property
    def can_manage_billing(self) -> bool:
        return self.can(Permission.BILLING_MANAGE)

    @property
    def can_manage_members(self) -> bool:
        return self.can(Permission.MEMBERS_MANAGE)

    @property
    def can_view_audit(self) -> bool:
        return self.can(Permission.AUDIT_VIEW)

    @property
    def owns_workspace(self) -> bool:
        return self.can(Permission.WORKSPACE_OWN)

    @property
    def actor(self) -> audit.Actor:
        if self.visitor is not None:
            return audit.SYSTEM
        kind = AuditEntry.ActorKind.API_KEY if self.api_key_id else AuditEntry.ActorKind.PERSON
        return audit.Actor(kind=kind, ref=self.person_ref)

    @property
    def principal(self) -> Principal:
        return self.principal_for(Permission.VIEW)

    def principal_for(self, permission: Permission) -> Principal:
        if self.visitor is not None:
            return Principal(self.user_id, self.membership_id, needs=permission, guest_of=self.workspace_id)
        return Principal(self.user_id, self.membership_id, self.session_key, self.api_key_id, permission)


def check(member: Member | None, permission: Permission) -> None:
    """Raises NotSignedIn or Forbidden."""
    if member is None:
        raise errors.NotSignedIn()
    if not member.can(permission):
        raise errors.Forbidden(data={"needs": permission.value})


View = TypeVar("View", bound=Callable[..., Any])
READ_ONLY_MARK = "open_while_read_only"


def requires(permission: Permission) -> Callable[[View], View]:
    """Names the permission of a workspace view; `accounts.middleware` enforces it before the view runs."""

    def mark(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return mark


def open_while_read_only(view: View) -> View:
    """Its unsafe methods also work in a read-only workspace and for persons beyond the plan's seats: paying, stopping
    what runs, taking one's data along, one's own keys. For functions, API classes, and single methods of such a class;
    `usage.features` enforces it."""
    setattr(view, READ_ONLY_MARK, True)
    return view


def works_read_only(view: Callable[..., Any], method: str | None) -> bool:
    """Whether this method of a view is marked: the view itself, the class behind it, or the class's method."""
    holder = getattr(view, "view_class", None) or getattr(view, "cls", None)
    handler = getattr(holder, (method or "").lower(), None)
    return any(getattr(each, READ_ONLY_MARK, False) for each in (view, holder, handler))


OPEN_MARK = "open_because"


def open_api(reason: str) -> Callable[[View], View]:
    """For an API class that belongs to no workspace, and so names no permissions: who may use it, and why that is safe.

    It names its own authentication and permission classes; tests/routes.py lists what it answers to whom.
    """

    def mark(view: View) -> View:
        setattr(view, OPEN_MARK, reason)
        return view

    return mark
