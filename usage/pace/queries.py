"""The request rates of a workspace, kept in the process for some seconds."""

import time
from dataclasses import dataclass
from uuid import UUID

from usage.models import RequestRate

FRESH_NS = 5_000_000_000


@dataclass(frozen=True)
class Rates:
    """Requests per minute; None is any number."""

    per_key: int | None
    per_person: int | None
    per_workspace: int | None


DEFAULT = Rates(per_key=30_000, per_person=30_000, per_workspace=60_000)
"""Until a plan says otherwise: a fence against loops, not a product's limit."""

_kept: dict[UUID, tuple[int, Rates]] = {}


def rates_of(workspace_id: UUID) -> Rates:
    """One query at most, in FRESH_NS."""
    found = _kept.get(workspace_id)
    if found is not None and time.monotonic_ns() - found[0] < FRESH_NS:
        return found[1]
    row = RequestRate.objects.filter(workspace_id=workspace_id).first()
    rates = Rates(row.per_key, row.per_person, row.per_workspace) if row else DEFAULT
    _kept[workspace_id] = (time.monotonic_ns(), rates)
    return rates


def forget(workspace_id: UUID) -> None:
    _kept.pop(workspace_id, None)
