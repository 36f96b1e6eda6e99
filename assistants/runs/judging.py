"""The checks that an answer of some kinds has to go through before it is settled; its receipt names them for ever."""

import logging
from collections.abc import Callable

from usage.receipts.settled import Gate

Judge = Callable[[str], tuple[Gate, ...]]
"""Of the answer's text. It decides nothing about the charge: an answer that fails is delivered, and says so."""
_judges: dict[str, Judge] = {}
logger = logging.getLogger(__name__)


def judge(kind: str, by: Judge) -> None:
    """For AppConfig.ready()."""
    _judges[kind] = by


def gates_of(kind: str, text: str) -> tuple[Gate, ...]:
    """None for an answer without words, and for kinds that nothing judges."""
    by = _judges.get(kind)
    if by is None or not text:
        return ()
    try:
        return by(text)
    except (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError):
        # A check of ours that breaks must not cost an answer that was paid.
        logger.exception("an answer was not judged")
        return ()
