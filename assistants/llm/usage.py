"""What a provider says that a call used."""

from dataclasses import dataclass
from typing import Any

# More than any model takes or gives in one call: a count beyond it is an error, not a bill.
MOST_TOKENS = 10**9


@dataclass(frozen=True)
class Usage:
    """Tokens; `cached_tokens` are part of `input_tokens`, `reasoning_tokens` of `output_tokens`."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int

    @property
    def can_be_true(self) -> bool:
        return (
            0 <= self.cached_tokens <= self.input_tokens <= MOST_TOKENS
            and 0 <= self.reasoning_tokens <= self.output_tokens <= MOST_TOKENS
        )


def read(value: Any) -> Usage | None:
    """None for a count that cannot be true: then ours is used."""
    try:
        usage = Usage(
            input_tokens=_count(value, "prompt_tokens"),
            output_tokens=_count(value, "completion_tokens"),
            cached_tokens=_count(value.get("prompt_tokens_details") or {}, "cached_tokens"),
            reasoning_tokens=_count(value.get("completion_tokens_details") or {}, "reasoning_tokens"),
        )
    except (TypeError, AttributeError):
        return None
    return usage if usage.can_be_true else None


def _count(value: dict[str, Any], name: str) -> int:
    """0 when nothing is said. Raises TypeError for what is no whole number."""
    count = value.get(name) or 0
    if not isinstance(count, int) or isinstance(count, bool):
        raise TypeError(name)
    return count
