"""Reads of one-off deals."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from billing.catalogues import catalogue as catalogues
from billing.deals.models import DealReservation
from config.errors import DomainError

State = DealReservation.State
ON_ITS_WAY = timedelta(minutes=5)
"""So long a place is kept after its checkout ended: the news of a payment in the last minute may still come."""


class DealNotFound(DomainError):
    code = "deal_not_found"
    status = 404
    message = "There is no such offer. The pricing page shows those there are."


@dataclass(frozen=True)
class Deal:
    """`limit`: how many are sold in all."""

    key: str
    label: str
    plan_key: str
    amount_minor: int
    currency: str
    limit: int

    @property
    def stock_key(self) -> str:
        """A deal of another catalogue is another deal."""
        return f"{settings.PLAN_CATALOGUE}:{self.key}"


def list_deals() -> list[Deal]:
    """What the catalogue offers. No query."""
    catalogue = catalogues.get(settings.PLAN_CATALOGUE)
    return [
        Deal(spec.key, spec.label, spec.plan, spec.amount_minor, catalogue.currency, spec.limit)
        for spec in catalogue.deals
    ]


def get_deal(key: str) -> Deal:
    """Raises DealNotFound."""
    for deal in list_deals():
        if deal.key == key:
            return deal
    raise DealNotFound()


def count_remaining(key: str, *, now: datetime | None = None) -> int:
    """How many can still be bought at this moment: neither sold nor held by a checkout. One query."""
    deal = get_deal(key)
    return max(0, deal.limit - count_taken(deal.stock_key, now=now or timezone.now()))


def count_taken(stock_key: str, *, now: datetime, but: UUID | None = None) -> int:
    """Sold, or held by somebody whose time is not over. `but`: the workspace whose own place does not count."""
    rows = DealReservation.objects.filter(
        Q(state=State.SOLD) | Q(state=State.HELD, expires_at__gt=now - ON_ITS_WAY), deal_key=stock_key
    )
    return rows.exclude(workspace_id=but).count() if but else rows.count()
