"""From where somebody acts: told once per request, asked only when something is written to the audit log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Source = Callable[[], "Origin"]
_source: ContextVar[Source | None] = ContextVar("origin", default=None)


@dataclass(frozen=True)
class Origin:
    """`session`: a short form of the session or key that was used; it opens nothing, and tells two of them apart."""

    address: str = ""
    agent: str = ""
    session: str = ""


@contextmanager
def from_where(source: Source) -> Iterator[None]:
    """Inside, in this thread or task, `source` says from where. It is not called unless something is recorded."""
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


def current() -> Origin | None:
    """None outside a request: in background work and commands."""
    source = _source.get()
    return source() if source else None
