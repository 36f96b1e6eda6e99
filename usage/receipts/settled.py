"""What crosses the border of `usage.receipts`: frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from usage.holds.types import Settlement


@dataclass(frozen=True)
class SettledRun:
    """What the caller knows of a run that was just settled; its hold and its ledger entry say the rest.

    `prompt_hash` and `answer_hash` are `bodies.salted_hash` of what was sent and of what came back; the prompt's is
    empty when nothing was sent. `parameters` hold no text of a person: they stay readable after the text is erased.
    """

    hold_id: UUID
    attempt: int
    settlement: Settlement
    state: str
    finish_reason: str
    model_answered: str
    prompt_hash: str
    answer_hash: str
    parameters: dict[str, Any]
    started_at: datetime | None
    gates: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class PriceRow:
    id: int
    meter: str
    micro_per_million: int
