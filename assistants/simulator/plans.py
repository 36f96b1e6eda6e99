"""What a handler decides before anything is sent; `delivery` carries it out in time."""

from __future__ import annotations

from dataclasses import dataclass, field

from assistants.simulator.books import Usage
from assistants.simulator.directives import Directives


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`hurried` means without the default delay. `text` is what the answer says, for its digest."""

    model: str
    directives: Directives = field(default_factory=Directives)
    usage: Usage = field(default_factory=Usage)
    hurried: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Plan):
    """A whole body, ready when `paced_tokens` have taken their time."""

    body: bytes
    content_type: str = "application/json"
    paced_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(Plan):
    """Server-sent events: `opening`, then `head + delta + tail` for each of `deltas`, then `closing`.

    `weights` are the tokens in each delta, `texts` what each adds to the answer's text.
    """

    opening: bytes
    head: bytes
    tail: bytes
    deltas: list[bytes]
    weights: list[int]
    texts: list[str]
    closing: bytes
