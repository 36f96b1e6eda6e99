"""What a workspace is charged for usage, and what the closing of the books asks: told = ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from billing.metering import rates, summaries
from billing.metering.models import MeteredSpan, MeterReport
from billing.metering.outbox import COLUMNS
from billing.stripe.client import PaymentRequestRefused, PaymentServiceUnavailable
from usage.models import LedgerEntry
from usage.reconciliation.billed import BillerUnavailable


@dataclass(frozen=True)
class Charge:
    """One meter in a stretch of time: units of the meter, and what they cost in minor units, rounded once."""

    meter: str
    units: int
    amount_minor: int
    currency: str


def charges(*, workspace_id: UUID, begins_at: datetime, ends_at: datetime) -> list[Charge]:
    """By the ledger, for a billing period: what its invoice says of usage. Below zero, what is credited instead."""
    spans = list(_spans(workspace_id, begins_at, ends_at))
    units: dict[tuple[str, int, str], int] = {}
    for span in spans:
        for meter, terms in span.meters.items():
            key = (meter, terms["per_million"], span.currency)
            found = _ledger(span.workspace_id, meter, _within(span, begins_at, ends_at))
            units[key] = units.get(key, 0) + found
    return [
        Charge(meter, total, rates.minor_of(total, per_million), currency)
        for (meter, per_million, currency), total in sorted(units.items())
    ]


def told(*, workspace_id: UUID, begins_at: datetime, ends_at: datetime) -> Mapping[str, int] | None:
    """The biller of `usage.reconciliation.billed`: meter → what the payment service counted.

    Entries outside metered spans were not to be told; they are added, so that the first and last day of a plan can be
    compared too. Raises BillerUnavailable.
    """
    spans = list(_spans(workspace_id, begins_at, ends_at))
    if not spans:
        return None
    found: dict[str, int] = {}
    for meter in sorted({meter for span in spans for meter in span.meters}):
        mine = [span for span in spans if meter in span.meters]
        everything = _ledger(workspace_id, meter, (begins_at, ends_at))
        metered = sum(_ledger(workspace_id, meter, _within(span, begins_at, ends_at)) for span in mine)
        found[meter] = everything - metered + _counted(mine, meter, begins_at, ends_at)
    return found


def _counted(spans: list[MeteredSpan], meter: str, begins_at: datetime, ends_at: datetime) -> int:
    """By the payment service on whole minutes, else by what it has confirmed to us."""
    if any(moment.second or moment.microsecond for moment in (begins_at, ends_at)):
        rows = MeterReport.objects.filter(
            workspace_id=spans[0].workspace_id, meter=meter, state=MeterReport.State.SENT,
            used_at__gte=begins_at, used_at__lt=ends_at,
        )  # fmt: skip
        return int(rows.aggregate(total=Sum("value", default=0))["total"])
    asked = {(span.customer_id, span.meters[meter]["event"]) for span in spans}
    try:
        return sum(
            summaries.counted(customer_id=customer, event=event, begins_at=begins_at, ends_at=ends_at)
            for customer, event in sorted(asked)
        )
    except (PaymentServiceUnavailable, PaymentRequestRefused) as error:
        raise BillerUnavailable() from error


def _spans(workspace_id: UUID, begins_at: datetime, ends_at: datetime) -> QuerySet[MeteredSpan]:
    rows = MeteredSpan.objects.filter(workspace_id=workspace_id, begins_at__lt=ends_at)
    return rows.filter(Q(ends_at=None) | Q(ends_at__gt=begins_at)).order_by("begins_at")


def _within(span: MeteredSpan, begins_at: datetime, ends_at: datetime) -> tuple[datetime, datetime]:
    return max(span.begins_at, begins_at), min(span.ends_at or ends_at, ends_at)


def _ledger(workspace_id: UUID, meter: str, between: tuple[datetime, datetime]) -> int:
    rows = LedgerEntry.objects.filter(
        workspace_id=workspace_id,
        account=LedgerEntry.Account.WORKSPACE,
        created_at__gte=between[0],
        created_at__lt=between[1],
    )
    sums: dict[str, Any] = rows.aggregate(total=Sum(COLUMNS[meter], default=0))
    return int(sums["total"])
