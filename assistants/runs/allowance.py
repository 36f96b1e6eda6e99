"""Holding in steps: a running answer is covered a little ahead of what it writes, never behind."""

import asyncio
import logging
from uuid import UUID

from django.db import Error as DatabaseFailure
from django.db import connection

from assistants.llm import tokens
from assistants.runs.job import Job
from usage.holds import services as holds

AGAIN_S = 0.5
FAR_BEYOND, SOME = 4, 256
"""A server that we do not know may count tokens otherwise than we do, but not so differently."""
logger = logging.getLogger(__name__)


class Allowance:
    """What one attempt may write. Lives on the worker's event loop.

    `is_watched`: the server need not keep to the cap that it was given: it is cut off far beyond it (`is_overrun`).
    """

    def __init__(self, job: Job, *, is_watched: bool = False) -> None:
        self._is_watched = is_watched
        self.is_overrun = False
        self._job = job
        self._covered = job.covered
        self._written = job.written
        self._asking: asyncio.Task[None] | None = None

    async def spend(self, text: str) -> bool:
        """Counts a piece of output; False when it is the last one that the limits cover.

        Half-way through what is covered it asks for twice as much in the background; at its end it waits for the
        answer. A model that stops by its own cap before that never waits.
        """
        wanted = self._job.written + self._job.request.max_output_tokens
        if self._covered >= wanted:
            return not self._is_watched or self._is_near(text, wanted)
        # Counted piece by piece: never fewer tokens than the whole text has.
        self._written += tokens.count(text)
        if self._asking is None and self._written * 2 >= self._covered:
            self._asking = asyncio.ensure_future(self._extend(min(wanted, self._covered * 2)))
        if self._written < self._covered:
            return True
        if self._asking is not None:
            await self._asking
        return self._written < self._covered

    def _is_near(self, text: str, wanted: int) -> bool:
        self._written += tokens.count(text)
        self.is_overrun = self._written > wanted * FAR_BEYOND + SOME
        return not self.is_overrun

    async def _extend(self, cap: int) -> None:
        while True:
            try:
                covered = await asyncio.to_thread(_extend, self._job.run_id, self._job.attempt, cap)
            except DatabaseFailure:
                # Without the database nothing more may be written; the lease ends the run if that lasts.
                logger.warning("a hold could not be extended; trying again")
                await asyncio.sleep(AGAIN_S)
                continue
            if covered is not None and covered > self._covered:
                self._covered = covered
                self._asking = None
            return


def _extend(run_id: UUID, attempt: int, cap: int) -> int | None:
    try:
        return holds.extend(run_id, attempt=attempt, cap=cap)
    finally:
        connection.close()
