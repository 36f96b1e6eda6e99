"""What crosses the border of `usage`: frozen values, no rows."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from config import errors

MILLION = 1_000_000


class RunsStopped(errors.DomainError):
    """A stop covers this run."""

    code = "stopped"
    status = 503
    message = "Model calls are stopped at the moment."


class QuotaExceeded(errors.DomainError):
    """A limit is really used up: waiting would not help.

    `data["limits"]` explains each line that fell short, `data["upgrade_url"]` is where it may be raised.
    """

    code = "quota_exceeded"
    status = 402
    fragment = "usage/_refusal.html"
    message = "A limit of this workspace is used up."


class HoldLost(Exception):  # noqa: N818  reads as what happened
    """This attempt does not own the hold any more: another took it, or it is resolved. Nothing was written."""


@dataclass(frozen=True)
class Amount:
    """What a run may use of a meter, as a function of its output cap, in millionths: ceil((raw + cap * rate) / 10^6).

    `Amount.of(1)` is one piece whatever the cap; `Amount(0, MILLION)` is the cap itself.
    """

    raw: int
    rate: int = 0

    @classmethod
    def of(cls, pieces: int) -> "Amount":
        return cls(pieces * MILLION)

    def at(self, cap: int) -> int:
        return -(-(self.raw + cap * self.rate) // MILLION)


@dataclass(frozen=True)
class HoldRequest:
    """`cap`: output tokens wanted at most; `min_cap`: below this a shrunk call is of no use and is refused instead.

    `step`: hold this many output tokens first and more while the run goes on (`extend`); 0 holds all at once.

    `meters`: meter → Amount. One that is missing is not counted (an own-key run has no cost); cost None means that the
    model has no price, which is refused where money is limited.

    `provider`: as stops name it; the platform's when empty.
    """

    id: UUID
    workspace_id: UUID
    zone: str
    person_ref: UUID
    kind: str
    model: str
    meters: dict[str, Amount | None]
    cap: int = 0
    min_cap: int = 0
    step: int = 0
    api_key_id: UUID | None = None
    assistant_id: UUID | None = None
    project_id: UUID | None = None
    widget_id: UUID | None = None
    visitor_id: UUID | None = None
    anchor_day: int = 1
    provider: str = ""


@dataclass(frozen=True)
class Hold:
    """`is_waiting`: accepted, but what others hold must be settled first. `cap`: output tokens that are covered."""

    id: UUID
    cap: int
    is_waiting: bool


@dataclass(frozen=True)
class Claim:
    """One attempt of a worker at a run. `covered`: output tokens held now; `wanted`: up to where it may extend.

    `may_be_stopped`: it is worth asking for stop orders. What is stopped later, the worker's housekeeping ends.
    """

    hold_id: UUID
    attempt: int
    model: str
    assistant_id: UUID | None
    covered: int
    wanted: int
    stop_reason: str
    may_be_stopped: bool


@dataclass(frozen=True)
class Actual:
    """What a run really used: `cached_tokens` are part of `input_tokens`, `reasoning_tokens` of `output_tokens`."""

    provider: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    messages: int = 1
    images: int = 0
    audio_in_ms: int = 0
    audio_out_ms: int = 0
    websites: int = 0
    generations: int = 0
    is_estimated: bool = False
    variant: str = ""


@dataclass(frozen=True)
class DueHold:
    hold_id: UUID
    workspace_id: UUID
    attempt: int
    state: str
    refusal: str
    """Why a waiting hold was refused already, if its run could not be closed then."""


@dataclass(frozen=True)
class StopOrder:
    """Why a held run must end now."""

    hold_id: UUID
    workspace_id: UUID
    reason: str


@dataclass(frozen=True)
class Held:
    """What a hold says of the run that it covers. `amounts`: meter → how much was held, where that is known."""

    id: UUID
    workspace_id: UUID
    person_ref: UUID
    api_key_id: UUID | None
    assistant_id: UUID | None
    kind: str
    model: str
    created_at: datetime
    amounts: dict[str, int]


@dataclass(frozen=True)
class Settlement:
    """`lines`: every limit touched, with used_before, used_after, held_after (docs/usage.md)."""

    entry_id: int
    cost_micro: int
    settled_at: datetime
    actual: Actual
    held: Held
    lines: list[dict[str, Any]] = field(default_factory=list)
