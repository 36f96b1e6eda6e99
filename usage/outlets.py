"""What leaves the house beside mails: whoever delivers it further (outgoing webhooks) is added here.

An outlet may have no taker, unlike a port of `config/ports.py`, without whose answer the product does not start.
"""

import logging
from typing import Any, Protocol
from uuid import UUID

logger = logging.getLogger(__name__)
CHECKPOINT_SIGNED = "receipts.checkpoint_signed"
LIMIT_REACHED = "limit.reached"
STATEMENT_CLOSED = "statement.closed"


class Taker(Protocol):
    def __call__(self, *, workspace_id: UUID, event: str, data: dict[str, Any]) -> None:
        """Keeps the event to be delivered; quick, and in a transaction of its own. `data` is JSON."""


_takers: list[Taker] = []


def add(taker: Taker) -> None:
    """In `AppConfig.ready()` of the app that delivers."""
    _takers.append(taker)


def tell(*, workspace_id: UUID, event: str, data: dict[str, Any]) -> None:
    """Outside transactions: after the commit of what it tells. A taker that fails hinders nobody else."""
    for taker in _takers:
        try:
            taker(workspace_id=workspace_id, event=event, data=data)
        except Exception:
            logger.exception(
                "an event was not taken", extra={"workspace_id": str(workspace_id), "event": event}
            )
