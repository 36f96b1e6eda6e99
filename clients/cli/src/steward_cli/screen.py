"""What is printed: results on standard output, everything else on standard error, so that pipes get results only."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """As it came: no markup is read in what others wrote."""
    out.print(text, markup=False, highlight=False)


def as_json(value: Any) -> None:
    out.print(json.dumps(value, ensure_ascii=False, indent=2), markup=False, highlight=False, soft_wrap=True)


def table(columns: list[str], rows: list[list[Any]]) -> None:
    shown = Table(*columns, box=None, header_style="bold")
    for row in rows:
        shown.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    out.print(shown)


def bar(used: int, limit: int | None, width: int = 24) -> str:
    """`limit` None is unlimited."""
    if limit is None:
        return "unlimited"
    share = min(1.0, used / limit) if limit else 1.0
    filled = round(share * width)
    return "█" * filled + "░" * (width - filled) + f" {share:.0%}"


@contextmanager
def working(what: str) -> Iterator[None]:
    """A bar that moves while a call goes on; nothing where nobody looks."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(pulse_style="cyan"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        progress.add_task(what, total=None)
        yield


def paid(body: dict[str, Any]) -> None:
    usage = body.get("usage") or {}
    cost = usage.get("cost_micro", 0) / 1_000_000
    tokens = f"{usage.get('input_tokens', 0):,} + {usage.get('output_tokens', 0):,} tokens"
    err.print(f"{tokens}, ${cost:.6f}, receipt {body.get('receipt') or 'none'}", style="dim", highlight=False)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    err.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)


def waits(seconds: float) -> None:
    """Said where it is long enough to wonder."""
    if seconds >= 2:
        err.print(f"Not now, says the server; once more in {seconds:.0f} s.", style="dim", highlight=False)
