"""What a provider says it billed: one JSON document behind PROVIDER_REPORT_URL. Without one nothing can be compared.

`{"by_model": [{"model": …, "input_tokens": …, "output_tokens": …}], "since": instant, "until": instant}`. It is asked
for a day by `begins_at` and `ends_at`; one that only counts up says since when. A provider with another format is
another adapter of `Report`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx2
from django.conf import settings

METERS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "images")
"""What can be compared: the ledger counts these, and a report may name any of them."""
TIMEOUT_S = 20


class ReportUnavailable(Exception):  # noqa: N818  reads as what happened
    """The provider gives reports, and could not be asked now."""


@dataclass(frozen=True)
class Billed:
    """Sums by model and meter, of what was billed in [since, until). None: since ever; until now. `meters`: those that
    it names."""

    by_model: dict[str, dict[str, int]]
    meters: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None


class Report(Protocol):
    def read(self, *, begins_at: datetime, ends_at: datetime) -> Billed:
        """Raises ReportUnavailable."""


class JsonReport:
    def __init__(self, url: str) -> None:
        self._url = url

    def read(self, *, begins_at: datetime, ends_at: datetime) -> Billed:
        limits = {"begins_at": begins_at.isoformat(), "ends_at": ends_at.isoformat()}
        try:
            response = httpx2.get(self._url, params=limits, timeout=TIMEOUT_S)
            response.raise_for_status()
            return _parse(response.json())
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ReportUnavailable from error


def _parse(document: dict[str, Any]) -> Billed:
    rows = document["by_model"]
    meters = tuple(meter for meter in METERS if any(meter in row for row in rows))
    by_model: dict[str, dict[str, int]] = {}
    for row in rows:
        sums = by_model.setdefault(str(row["model"]), dict.fromkeys(meters, 0))
        for meter in meters:
            sums[meter] += int(row.get(meter, 0))
    # An empty report says that nothing was billed.
    named = meters or METERS
    return Billed(by_model, named, _instant(document.get("since")), _instant(document.get("until")))


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def configured() -> Report | None:
    """None: this provider gives no reports."""
    return JsonReport(settings.PROVIDER_REPORT_URL) if settings.PROVIDER_REPORT_URL else None
