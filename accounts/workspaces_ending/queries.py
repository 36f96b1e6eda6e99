"""What the pages about the end of a workspace show."""

from uuid import UUID

from django.utils import timezone

from accounts.models import ApiKey, Membership
from tenants.lifecycle.inventory import Fate, Line


def inventory_of(workspace_id: UUID) -> list[Line]:
    """Two queries."""
    members = Membership.objects.filter(workspace_id=workspace_id).count()
    keys = ApiKey.objects.filter(membership__workspace_id=workspace_id, revoked_at=None)
    usable = keys.exclude(expires_at__lte=timezone.now()).count()
    return [
        Line("members", members, Fate.ENDED, "They keep their accounts and their other workspaces."),
        Line("API keys", usable, Fate.ENDED, "Programs that use them are refused."),
    ]
