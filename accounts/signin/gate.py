"""A workspace may require two factors. Whoever has one was asked for it when they signed in (docs/signing-in.md)."""

from urllib.parse import urlencode

from django.urls import reverse

from accounts.gates import GateClosed
from accounts.permissions import Member
from accounts.requests import LocatedRequest
from accounts.signin import queries
from tenants.scope import WorkspaceRef


def two_factors(request: LocatedRequest, workspace: WorkspaceRef, member: Member) -> None:
    """Raises GateClosed. One query where the workspace requires it, none elsewhere. For sessions and keys alike."""
    if workspace.requires_two_factors and not queries.has_second_factor(member.user_id):
        raise GateClosed(
            f"{workspace.name} requires a second factor. Set one up for your account, then come back.",
            code="two_factors_required",
            door=f"{reverse('security', urlconf='config.urls')}?{urlencode({'for': workspace.slug})}",
        )
