"""Reads of the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.utils import timezone

from usage.models import LedgerEntry


@dataclass(frozen=True)
class Totals:
    messages: int
    tokens: int
    cost_micro: int


def month_totals(*, workspace_id: UUID, zone: str, now: datetime | None = None) -> Totals:
    """What the workspace used since its month began, in its own timezone. One query."""
    local = (now or timezone.now()).astimezone(ZoneInfo(zone))
    begin = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    sums = LedgerEntry.objects.filter(
        workspace_id=workspace_id, account=LedgerEntry.Account.WORKSPACE, created_at__gte=begin
    ).aggregate(m=Sum("messages"), i=Sum("input_tokens"), o=Sum("output_tokens"), c=Sum("cost_micro"))
    return Totals(sums["m"] or 0, (sums["i"] or 0) + (sums["o"] or 0), sums["c"] or 0)


def cost_of_holds(hold_ids: Iterable[UUID]) -> int:
    """What these runs cost their workspace by now, corrections included. `hold_ids`: a query of them may stay one, so
    that a thousand do not travel. One query."""
    rows = LedgerEntry.objects.filter(hold_id__in=hold_ids, account=LedgerEntry.Account.WORKSPACE)
    return rows.aggregate(cost=Sum("cost_micro"))["cost"] or 0
