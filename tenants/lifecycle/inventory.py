"""What a workspace holds, in numbers, and what becomes of it when it is deleted: each app adds what it knows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Fate(StrEnum):
    ERASED = "erased"
    ENDED = "ended"
    KEPT = "kept"


@dataclass(frozen=True)
class Line:
    """`what` is said beside the count (“conversations”); `note` says more. `count` None: it is not counted."""

    what: str
    count: int | None
    fate: Fate = Fate.ERASED
    note: str = ""


Source = Callable[[UUID], Iterable[Line]]
_sources: list[Source] = []


def add(source: Source) -> None:
    """Called in `AppConfig.ready()`. The source is asked outside every workspace, and only reads."""
    if source not in _sources:
        _sources.append(source)


def of_workspace(workspace_id: UUID) -> list[Line]:
    """In the order of erased, ended, kept."""
    lines = [line for source in _sources for line in source(workspace_id)]
    order = list(Fate)
    return sorted(lines, key=lambda line: order.index(line.fate))
