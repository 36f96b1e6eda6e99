"""Answers that take long, without holding a thread or a database connection.

A sync view authenticates, authorises and commits as every view does, then returns `Deferred(finish)`. The thread and
its connection go back first; the ASGI handler then awaits `finish()` on the event loop. Only the routes listed in
`ROUTES` may answer so. The coroutine does no ORM work: under ASGI the connection of the loop's thread stands on
`public` whatever the request's workspace was.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from django.db import Error as DatabaseFailure
from django.db import connection
from django.http import HttpResponse
from django.http.response import HttpResponseBase

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)

ROUTES = frozenset(
    {
        "workspace:run-events",
        "api:run-events",
        "api:chat",
        "api:ask",
        "api:generate",
        "api:analyze",
        "openai:chat-completions",
        "embed-events",
        "openai:embeddings",
        "openai:images",
        "openai:speech",
        "openai:transcriptions",
    }
)

Finish = Callable[[], Awaitable[HttpResponseBase]]


class Deferred(HttpResponse):
    """A response that is finished on the event loop. Headers set on it by middleware are kept."""

    def __init__(self, finish: Finish) -> None:
        super().__init__()
        self.finish = finish


async def in_database_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
    """Runs a short read in a thread and gives its connection back. None when the database is away."""

    def read() -> R | None:
        try:
            return function(*args, **kwargs)
        except DatabaseFailure:
            logger.warning("a read for open streams failed; it is asked again")
            return None
        finally:
            connection.close()

    return await asyncio.to_thread(read)
