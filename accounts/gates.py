"""Conditions of a workspace on how somebody signed in: asked once per request, after it is known who it is."""

from collections.abc import Callable

from accounts.permissions import Member
from accounts.requests import LocatedRequest
from config import errors
from tenants.scope import WorkspaceRef


class GateClosed(errors.DomainError):
    """A member of the workspace who must do something first. Pages lead to `door`, a path on the main host."""

    code = "gate_closed"
    status = 403

    def __init__(self, message: str, *, code: str, door: str) -> None:
        super().__init__(message, code=code, data={"action_url": door})
        self.door = door


Gate = Callable[[LocatedRequest, WorkspaceRef, Member], None]
GATES: list[Gate] = []
"""Each raises GateClosed or returns. It may ask the session and the member, and one query at most."""
KEY_GATES: list[Gate] = []
"""The same for API keys, which have no session: conditions on the person behind a key."""

SESSION_KEYS = {"account_authentication_methods", "account_authentication_methods_user"}
"""What gates read of a session: carried to sessions on workspaces' own domains, request by request. Add yours."""


def check(request: LocatedRequest, workspace: WorkspaceRef, member: Member) -> None:
    """Raises GateClosed."""
    for gate in GATES:
        gate(request, workspace, member)


def check_key(request: LocatedRequest, workspace: WorkspaceRef, member: Member) -> None:
    """Raises GateClosed."""
    for gate in KEY_GATES:
        gate(request, workspace, member)
