"""What a worker runs, and what came of it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from assistants.llm.access import Access
from assistants.llm.calls import Call
from assistants.llm.catalogue import Endpoint
from assistants.llm.chat import ChatRequest
from assistants.llm.errors import ProviderFailure
from assistants.llm.usage import Usage
from assistants.tools.types import Toolbox
from usage.receipts.settled import Gate

CHARGED_FINISH = "stop"


@dataclass(frozen=True)
class Server:
    """One that may answer, with its key."""

    endpoint: Endpoint
    access: Access


@dataclass(frozen=True)
class Job:
    """`servers`: those that may answer, in their order; the request is the same for each but for the model's name.
    `claimed_at`: monotonic seconds before the claim, from which on the lease is surely ours."""

    workspace_id: UUID
    run_id: UUID
    attempt: int
    request: ChatRequest
    claimed_at: float
    servers: tuple[Server, ...]
    covered: int
    """Output tokens held so far; `request.max_output_tokens` is the most that may be asked for."""
    toolbox: Toolbox | None = None
    written: int = 0
    """Output tokens of earlier calls of the same answer, which are among those covered."""
    call: Call | None = None
    """What is asked where it is no chat."""
    kind: str = ""


@dataclass
class Outcome:
    """`state`: done | stopped | failed. `usage`: the provider's own count, None when it sent none that can be true.

    `is_estimated`: some of that count is ours (an answer of several calls).

    `pieces`: meter → count of what was made, for work that is not chat; `variant`: what else decides its price.
    `server`: who answers, or was asked last. `embedded`: how many texts got their vector.
    `gates`: the checks that the result went through, for the run's receipt.
    """

    state: str = "done"
    error_code: str = ""
    retry_after_s: float | None = None
    text: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = ""
    answered_by: str = ""
    usage: Usage | None = None
    is_estimated: bool = False
    pieces: dict[str, int] = field(default_factory=dict)
    variant: str = ""
    gates: tuple[Gate, ...] = ()
    embedded: int = 0
    server: Server | None = None
    is_lost: bool = False

    @property
    def is_delivered(self) -> bool:
        """Whether anybody got something for it: only then is it charged."""
        return bool(self.text or self.tool_calls or self.embedded or any(self.pieces.values()))

    def fail(self, failure: ProviderFailure) -> None:
        self.state = "failed"
        self.error_code = failure.code
        self.retry_after_s = failure.retry_after_s
