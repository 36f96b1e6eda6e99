"""Bars as numbers for SVG attributes, so that no style is needed. Each chart stands beside a table of its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 100
STEP = 10
GAP = 2


@dataclass(frozen=True)
class Bar:
    x: int
    y: int
    width: int
    height: int
    title: str


@dataclass(frozen=True)
class Chart:
    """`width` × HEIGHT is the view box; `top` says what the highest bar is worth."""

    label: str
    width: int
    height: int
    bars: list[Bar]
    first: str
    last: str
    top: str


def columns(label: str, points: Sequence[tuple[str, int, str]]) -> Chart:
    """One column per point (name, amount, amount in words). What is below zero stands as nothing."""
    most = max((amount for _, amount, _ in points), default=0)
    bars = []
    for number, (name, amount, words) in enumerate(points):
        height = max(1, amount * HEIGHT // most) if amount > 0 else 0
        bars.append(Bar(number * STEP, HEIGHT - height, STEP - GAP, height, f"{name}: {words}"))
    top = next((words for _, amount, words in points if amount == most), "")
    first, last = (points[0][0], points[-1][0]) if points else ("", "")
    return Chart(label, max(1, len(points) * STEP - GAP), HEIGHT, bars, first, last, top)


@dataclass(frozen=True)
class Gauge:
    """A meter on a scale of SCALE: what is used, what is held after it, where new work is refused."""

    used: int
    held: int
    block_at: int


SCALE = 1000


def gauge(*, used: int, held: int, limit: int | None, block_at: int | None) -> Gauge | None:
    if limit is None:
        return None
    whole = max(limit, used + held, 1)
    at = used * SCALE // whole
    return Gauge(at, min(held * SCALE // whole, SCALE - at), (block_at or 0) * SCALE // whole)


def share(amount: int, most: int) -> int:
    """The length of a bar in a table, 0 to 100."""
    return 0 if most <= 0 or amount <= 0 else max(1, amount * 100 // most)
