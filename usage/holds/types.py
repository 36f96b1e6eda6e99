"""What crosses the border of `usage`: frozen values, no rows."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from config import errors


class RunsStopped(errors.DomainError):
    """A stop covers this run."""

    code = "stopped"
    status = 503
    message = "Model calls are stopped at the moment."


class HoldLost(Exception):  # noqa: N818  reads as what happened
    """This attempt does not own the hold any more: another took it, or it is resolved. Nothing was written."""


@dataclass(frozen=True)
class HoldRequest:
    """`lines`: what the run may use at most, per meter: messages, input_tokens, output_tokens, cost_micro."""

    id: UUID
    workspace_id: UUID
    person_ref: UUID
    kind: str
    model: str
    lines: dict[str, int]
    api_key_id: UUID | None = None
    assistant_id: UUID | None = None


@dataclass(frozen=True)
class Claim:
    """One attempt of a worker at a run."""

    hold_id: UUID
    attempt: int
    model: str
    assistant_id: UUID | None
    output_tokens: int
    stop_reason: str


@dataclass(frozen=True)
class Actual:
    """What a run really used, in tokens: `cached_tokens` are part of `input_tokens`, `reasoning_tokens` of output."""

    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    messages: int = 1
    is_estimated: bool = False


@dataclass(frozen=True)
class DueHold:
    hold_id: UUID
    workspace_id: UUID
    attempt: int
    is_claimed: bool


@dataclass(frozen=True)
class StopOrder:
    """Why a held run must end now."""

    hold_id: UUID
    reason: str


@dataclass(frozen=True)
class Settlement:
    cost_micro: int
    settled_at: datetime
    actual: Actual
    lines: dict[str, int] = field(default_factory=dict)
