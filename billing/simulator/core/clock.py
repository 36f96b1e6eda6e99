"""The service's own time: kept in the books, ahead of the real one by what it was advanced, or standing still."""

import time
from collections.abc import Callable

from billing.simulator.core.desk import Desk
from billing.simulator.core.errors import Json
from billing.simulator.store import Books, Row

# What happens to an object of a kind when its time has come; it sets its next time itself.
DUE: dict[str, Callable[[Desk, Json], None]] = {}


def due(kind: str) -> Callable[[Callable[[Desk, Json], None]], Callable[[Desk, Json], None]]:
    def register(happen: Callable[[Desk, Json], None]) -> Callable[[Desk, Json], None]:
        DUE[kind] = happen
        return happen

    return register


def _row(books: Books) -> Row:
    return books.get("clock", "clock") or Row("clock", "clock", {"ahead_s": 0, "stands_at": None})


def read(books: Books) -> int:
    data = _row(books).data
    return int(data["stands_at"] if data["stands_at"] is not None else time.time() + data["ahead_s"])


def set_to(books: Books, moment: int, *, stands: bool | None = None) -> None:
    """`stands`: whether it moves on from there by itself; None leaves that as it is."""
    row = _row(books)
    if stands is None:
        stands = row.data["stands_at"] is not None
    row.data = {"ahead_s": moment - int(time.time()), "stands_at": moment if stands else None}
    books.write(row)


def move(books: Books, seconds: int) -> None:
    """Ahead by so much more; a second that passes meanwhile is not lost."""
    if not seconds:
        return
    row = _row(books)
    stands_at = row.data["stands_at"]
    row.data = {
        "ahead_s": row.data["ahead_s"] + seconds,
        "stands_at": None if stands_at is None else stands_at + seconds,
    }
    books.write(row)


def run_due(desk: Desk, until: int) -> int:
    """Lets happen what is due up to `until`, in order, each at its own time; how many things happened."""
    happened = 0
    while (row := desk.books.first_due(until)) is not None:
        assert row.due_at is not None
        before = (row.due_at, row.kind, row.id)
        desk.now = row.due_at
        row.due_at = None
        desk.books.write(row)
        DUE[row.kind](desk, row.data)
        happened += 1
        assert (row.due_at, row.kind, row.id) != before, f"{row.kind} {row.id} is due again at once"
    desk.now = until
    return happened
