"""The billing log of a workspace: what happened to its plan and its money, for its owners and for staff."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from billing.subscriptions.models import BillingEvent


def record(
    kind: str, *, workspace_id: UUID, actor_ref: UUID | None = None, cause: str = "", **data: Any
) -> BillingEvent:
    """Appends one entry inside the caller's transaction. `kind` reads `noun.verb` (`subscription.started`); `cause`
    is the payment service's event or request id. Raises RuntimeError outside a transaction."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("log.record needs the transaction of the change it records")
    return BillingEvent.objects.create(
        workspace_id=workspace_id, kind=kind, actor_ref=actor_ref, cause=cause, data=data
    )


def page_of_events(
    workspace_id: UUID, *, about: str = "", before: UUID | None = None, most: int
) -> list[BillingEvent]:
    """Newest first, after the entry `before`; `about` is the noun of kinds. Two queries at most."""
    rows = BillingEvent.objects.filter(workspace_id=workspace_id)
    if before is not None:
        # SECURITY: the id comes from an address; another workspace's entry is no place to go on from.
        last = rows.filter(id=before).first()
        if last is None:
            return []
        rows = rows.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id))
    if about:
        rows = rows.filter(kind__startswith=f"{about}.")
    return list(rows.order_by("-created_at", "-id")[:most])
