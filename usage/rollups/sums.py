"""The summed figures of usage, under the ledger's names."""

from dataclasses import dataclass, fields

SUMMED = (
    "messages", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "images", "audio_in_ms",
    "audio_out_ms", "websites", "generations", "cost_micro",
)  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """Sums over ledger entries. Corrections may make them negative for a day."""

    entries: int = 0
    messages: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    audio_in_ms: int = 0
    audio_out_ms: int = 0
    websites: int = 0
    generations: int = 0
    cost_micro: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(other, name) for name in FIGURES))

    def as_dict(self) -> dict[str, int]:
        return {"tokens": self.tokens, **{name: getattr(self, name) for name in FIGURES}}


FIGURES = tuple(field.name for field in fields(Figures))
