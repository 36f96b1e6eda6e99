"""What of a workspace's books stays when it is deleted, in numbers."""

from uuid import UUID

from tenants.lifecycle.inventory import Fate, Line
from usage.models import LedgerEntry, Receipt


def inventory_of(workspace_id: UUID) -> list[Line]:
    """Two queries."""
    receipts = Receipt.objects.filter(workspace_id=workspace_id).count()
    entries = LedgerEntry.objects.filter(workspace_id=workspace_id).count()
    return [
        Line("receipts", receipts, Fate.KEPT, "They say what was used and what it cost, and name nobody."),
        Line("entries of the ledger", entries, Fate.KEPT, "Our accounts need them. They name nobody."),
    ]
