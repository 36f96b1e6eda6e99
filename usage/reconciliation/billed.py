"""What the biller was told of usage (metered prices of a payment service), against the ledger, meter by meter."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db.models import Sum

from usage.ledger import BOOKED, DETAIL
from usage.models import LedgerEntry, Meter

METERS = (*BOOKED, *DETAIL, Meter.COST_MICRO.value)


class BillerUnavailable(Exception):  # noqa: N818  reads as what happened
    """There is a biller, and it could not be asked now."""


class Biller(Protocol):
    def __call__(
        self, *, workspace_id: UUID, begins_at: datetime, ends_at: datetime
    ) -> Mapping[str, int] | None:
        """Meter → what it was told of entries written in [begins_at, ends_at). None: no meter of this workspace is
        billed. Meters that it does not name are not compared. Raises BillerUnavailable."""


@dataclass(frozen=True)
class Difference:
    """`expected` by the ledger with its corrections, `found` by the biller."""

    meter: str
    expected: int
    found: int


_biller: Biller | None = None


def use(biller: Biller | None) -> None:
    """In `AppConfig.ready()` of the app that bills."""
    global _biller  # noqa: PLW0603  one per process
    _biller = biller


def differences(*, workspace_id: UUID, begins_at: datetime, ends_at: datetime) -> list[Difference]:
    """Raises BillerUnavailable."""
    told = (
        None if _biller is None else _biller(workspace_id=workspace_id, begins_at=begins_at, ends_at=ends_at)
    )
    named = [meter for meter in METERS if meter in (told or {})]
    if told is None or not named:
        return []
    sums = LedgerEntry.objects.filter(
        workspace_id=workspace_id,
        account=LedgerEntry.Account.WORKSPACE,
        created_at__gte=begins_at,
        created_at__lt=ends_at,
    ).aggregate(**{f"sum_{meter}": Sum(meter, default=0) for meter in named})
    return [
        Difference(meter, sums[f"sum_{meter}"], told[meter])
        for meter in named
        if sums[f"sum_{meter}"] != told[meter]
    ]
