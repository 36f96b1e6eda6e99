"""How a benchmark tells what it found: a table, a chart of bars, one line of JSON with its command."""

import json
import math
import os
import shlex
import sys
import time
from collections.abc import Sequence

BAR_WIDTH = 50
_started = time.monotonic()


def progress(text: str) -> None:
    print(f"[{time.monotonic() - _started:6.1f} s] {text}", file=sys.stderr, flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """The first column is text, the others are numbers."""
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    if title:
        print(f"\n{title}")
    for number, row in enumerate(cells):
        first, *rest = row
        numbers = (text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *numbers]).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    sys.stdout.flush()


def chart(title: str, values: Sequence[tuple[str, float]], *, unit: str) -> None:
    """Bars from zero, so that their lengths compare as the numbers do."""
    known = [(label, value) for label, value in values if not math.isnan(value)]
    if not known:
        return
    most = max(value for _, value in known) or 1.0
    width = max(len(label) for label, _ in known)
    print(f"\n{title}")
    for label, value in known:
        bar = "█" * max(1 if value else 0, round(value / most * BAR_WIDTH))
        print(f"{label:<{width}}  {bar} {_cell(value)} {unit}")
    sys.stdout.flush()


def emit(name: str, **figures: object) -> None:
    """The one line for scripts."""
    line = {"bench": name, "command": command(), **figures}
    print("\n" + json.dumps(_rounded(line), ensure_ascii=False, allow_nan=False), flush=True)


def command() -> str:
    """What to type for the same measurement. `BENCH_OPTIONS`: what ./dev itself was told."""
    given = shlex.split(os.environ.get("BENCH_OPTIONS", ""))
    return shlex.join(["./dev", "bench", *given, *sys.argv[1:]])


def milliseconds(seconds: float) -> float:
    return seconds * 1000


def mebibytes(size: float) -> float:
    return size / 2**20


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    if isinstance(value, dict):
        return {str(name): _rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return value
