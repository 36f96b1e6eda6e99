"""What crosses the border of `usage.receipts`: frozen values."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from usage.holds.types import Settlement

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
VERDICTS = frozenset({PASSED, FAILED, SKIPPED})
NAME = re.compile(r"[a-z0-9][a-z0-9._:-]{0,59}")


@dataclass(frozen=True)
class Gate:
    """A check that a run's result had to go through, as its receipt will name it for ever.

    `name` and `by` (what judged: a rule set with its version, a model) are names of ours, never what a person wrote.
    Raises ValueError for anything else.
    """

    name: str
    verdict: str
    by: str = ""

    def __post_init__(self) -> None:
        names = [name for name in (self.name, self.by) if name or name is self.name]
        if self.verdict not in VERDICTS or not all(NAME.fullmatch(name) for name in names):
            raise ValueError(f"no gate of a receipt: {self.verdict!r}")


@dataclass(frozen=True)
class SettledRun:
    """What the caller knows of a run that was just settled; its hold and its ledger entry say the rest.

    `prompt_hash` and `answer_hash` are `bodies.salted_hash` of what was sent and of what came back; the prompt's is
    empty when nothing was sent. `parameters` hold no text of a person: they stay readable after the text is erased.
    """

    attempt: int
    settlement: Settlement
    state: str
    finish_reason: str
    model_answered: str
    prompt_hash: str
    answer_hash: str
    parameters: dict[str, Any]
    started_at: datetime | None
    error_code: str = ""
    is_late: bool = False
    """Written from the ledger, some time after the settlement (usage/receipts/late.py)."""
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True)
class PriceRow:
    id: int
    meter: str
    micro_per_million: int
