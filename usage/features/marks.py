"""What a view says about its plan, for `usage.features.middleware`. On functions and on API classes alike."""

from collections.abc import Callable
from typing import Any, TypeVar

Marked = TypeVar("Marked", bound=Callable[..., Any])
NEEDS_MARK = "needs_feature"


def needs_feature(key: str) -> Callable[[Marked], Marked]:
    """All its methods need this feature of the plan."""

    def mark(view: Marked) -> Marked:
        setattr(view, NEEDS_MARK, key)
        return view

    return mark


def mark_of(view: Callable[..., Any], name: str) -> Any:
    """Of the view itself, or of the class behind it."""
    holder = getattr(view, "view_class", None) or getattr(view, "cls", None)
    return getattr(view, name, None) or getattr(holder, name, None)
