"""What a run may use at most, before it starts: the size of its hold."""

from collections.abc import Iterable, Sequence
from typing import Any

from assistants.models import Run
from usage.holds.types import MILLION, Amount
from usage.models import Meter
from usage.prices import Rates

FIRST_STEP_TOKENS = 256
"""A reply holds this much output first and twice as much with each further step, so that holds stay near the truth.
A model that reasons unseen holds all at once: what it writes cannot be watched."""
MIN_USEFUL_TOKENS = 16
"""A reply that could not have this many tokens is refused rather than begun."""
ANSWERS = frozenset({Run.Kind.REPLY, Run.Kind.ANALYSIS})
"""What a person asks and gets answered: each is a message. Written code is a generation."""


def chat_meters(
    *, kind: str, input_tokens: int, rates: Sequence[Rates], cap: int = 1, is_continued: bool = False
) -> dict[str, Amount | None]:
    """meter → amount as a function of the output cap. Cost is None when a model has no price for what it may use.

    `rates`: of each model that may answer and costs the workspace money; the hold covers the dearest. Without any there
    is no cost.
    `is_continued`: the message was counted by the run that it goes on from.
    """
    needed = (Meter.INPUT_TOKENS, Meter.OUTPUT_TOKENS) if cap else (Meter.INPUT_TOKENS,)
    read, written = Amount.of(input_tokens), Amount(0, MILLION)
    cost: dict[str, Amount | None] = (
        {Meter.COST_MICRO: _dearest(rates, input_tokens, needed)} if rates else {}
    )
    return {
        **cost,
        **{meter: Amount.of(count) for meter, count in counted(kind, is_continued=is_continued).items()},
        Meter.INPUT_TOKENS: read,
        Meter.CACHED_TOKENS: read,
        Meter.OUTPUT_TOKENS: written,
        Meter.REASONING_TOKENS: written,
        Meter.TOKENS: Amount(read.raw, MILLION),
    }


def counted(kind: str, *, is_continued: bool = False) -> dict[str, int]:
    """Meter → how many, for what is counted by the piece however much is read and written for it."""
    messages: dict[str, int] = {Meter.MESSAGES: 1 if kind in ANSWERS and not is_continued else 0}
    return {**messages, Meter.GENERATIONS: 1} if kind == Run.Kind.CODE else messages


def _dearest(rates: Sequence[Rates], input_tokens: int, needed: Iterable[str]) -> Amount | None:
    """Of the text and of what is written each at its dearest, so that it covers every one of them."""
    if not all(each.covers(needed) for each in rates):
        return None
    ceilings = [each.ceiling(input_tokens=input_tokens) for each in rates]
    return Amount(max(each.raw for each in ceilings), max(each.rate for each in ceilings))


def piece_meters(*, pieces: dict[str, int], rates: Rates) -> dict[str, Amount | None]:
    """For images, audio and products of the studio: `pieces` meter → how many at most."""
    meters: dict[str, Amount | None] = {meter: Amount.of(count) for meter, count in pieces.items()}
    priced: dict[str, Any] = {
        name: pieces.get(name, 0) for name in (Meter.IMAGES, Meter.AUDIO_IN_MS, Meter.AUDIO_OUT_MS)
    }
    needed = [name for name, count in priced.items() if count]
    meters[Meter.COST_MICRO] = rates.ceiling(**priced) if rates.covers(needed) else None
    return meters
