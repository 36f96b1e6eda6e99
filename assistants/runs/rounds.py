"""What an answer is made of: one call of the model, or several with tools between them. Runs on the worker's loop.

One hold covers all of it: before a further call is sent its input is held too (`usage.holds.services.widen`), and what
it may write is what the calls before left of the reply's length.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from django.db import Error as DatabaseFailure

from assistants.llm import tokens
from assistants.models import ToolCall
from assistants.runs import attempts, making
from assistants.runs.books import Books
from assistants.runs.estimate import FIRST_STEP_TOKENS, MIN_USEFUL_TOKENS
from assistants.runs.job import Job, Outcome
from assistants.runs.publisher import RunStream
from assistants.tools import work
from assistants.tools.types import Owner, Toolbox
from assistants.tools.work import Call
from usage.holds.types import HoldLost

ROUNDS_USED, APPROVAL = "rounds", "approval"
"""Finish reasons of our own: it used tools as often as it may; it waits for its person."""
TOOL_TIME_S = 30.0
AGAIN_S = 0.5
THREADS = 16
T = TypeVar("T")
logger = logging.getLogger(__name__)
# Threads of their own: slow tools must not keep other answers from extending their holds.
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tool")


async def answer(loop: attempts.Loop, job: Job, stream: RunStream, outcome: Outcome) -> None:
    if job.call is not None:
        await making.make(loop, job, job.call, stream, outcome)
        return
    if job.toolbox is None:
        await attempts.call(loop, job, stream, outcome)
        return
    await _Answer(loop, job, job.toolbox, stream, outcome).write()


class _Answer:
    """An answer of an assistant with tools."""

    def __init__(
        self, loop: attempts.Loop, job: Job, box: Toolbox, stream: RunStream, outcome: Outcome
    ) -> None:
        self._loop, self._job, self._box = loop, job, box
        self._stream, self._outcome = stream, outcome
        self._owner = Owner(job.workspace_id, job.run_id, job.attempt)
        self._books = Books()
        self._said: list[dict[str, Any]] = []
        self._shown: list[Call] = []
        self._messages = list(job.request.messages)
        self._cap = job.request.max_output_tokens
        stream.has_rounds = True

    async def write(self) -> None:
        try:
            if self._box.continues:
                await self._go_on()
            for number in range(self._box.first_round, self._box.last_round + 1):
                is_last = number == self._box.last_round
                if not await self._ask(is_last=is_last) or not await self._use_tools(number, is_last=is_last):
                    return
        except HoldLost:
            self._outcome.is_lost = True
        finally:
            self._books.close(self._outcome)
            self._stream.tool_calls = self._said

    async def _go_on(self) -> None:
        """Carries out what the person allowed meanwhile, and tells the model all that was before."""
        calls = await self._in_thread(lambda: work.earlier(self._owner, self._box))
        self._show(*calls)
        for call in calls:
            if call.state == ToolCall.State.RUNNING:
                await self._perform(call)
        earlier = await self._in_thread(lambda: work.replay(self._owner.workspace_id, self._box.continues))
        self._messages += earlier

    async def _ask(self, *, is_last: bool) -> bool:
        """One call of the model. True when it wants tools."""
        outcome, request = self._outcome, self._job.request
        extra = (
            {**request.extra, "tool_choice": "none"}
            if is_last and "tools" in request.extra
            else request.extra
        )
        job = replace(self._job, request=replace(request, messages=list(self._messages), extra=extra))
        outcome.usage = None
        with self._counted(job):
            await attempts.call(self._loop, job, self._stream, outcome)
        if outcome.server is not None:
            # One answer, one model: whoever began it goes on, and is who is booked.
            self._job = replace(self._job, servers=(outcome.server,))
        wants = outcome.state == "done" and bool(self._calls)
        return wants and outcome.finish_reason not in (attempts.LIMIT_REACHED, "length", "content_filter")

    @contextlib.contextmanager
    def _counted(self, job: Job) -> Iterator[None]:
        """What the call used goes into the books, however it ends."""
        self._stream.begin_call()
        try:
            yield
        finally:
            self._calls = [call for call in self._stream.tool_calls if call["function"]["name"]]
            self._text = self._stream.text_of_call
            self._said += self._calls
            self._books.add(self._outcome.usage, job.request, self._text, self._calls)

    async def _use_tools(self, number: int, *, is_last: bool) -> bool:
        """Carries the calls out. True when the model shall be asked again."""
        if is_last:
            self._outcome.finish_reason = ROUNDS_USED
            return False
        said = self._calls
        calls = await self._in_thread(lambda: work.begin(self._owner, self._box, number, said))
        self._show(*calls)
        ended = [
            await self._perform(call) if call.state == ToolCall.State.RUNNING else call for call in calls
        ]
        if any(call.state == ToolCall.State.WAITING for call in ended):
            self._outcome.finish_reason = APPROVAL
            return False
        self._messages += work.exchange(self._text, ended)
        if await self._cover(number + 1):
            return True
        self._outcome.finish_reason = attempts.LIMIT_REACHED
        return False

    async def _perform(self, call: Call) -> Call:
        """A tool that takes too long is given up; a run that is stopped takes its tool with it."""
        stopped = threading.Event()
        self._show(call)
        doing = asyncio.get_running_loop().run_in_executor(
            _threads, work.perform, self._owner, self._box, call, stopped
        )
        try:
            async with asyncio.timeout(TOOL_TIME_S):
                ended = await doing
        except TimeoutError:
            stopped.set()
            slow = replace(
                call, state=ToolCall.State.FAILED, error_code="tool_slow", result="It took too long."
            )
            ended = await self._in_thread(lambda: work.end(self._owner, slow))
        finally:
            stopped.set()
        self._show(ended)
        return ended

    async def _cover(self, number: int) -> bool:
        """Holds the next call before it is sent. False when a limit, or the reply's length, has no room for it."""
        written, request = self._books.total.output_tokens, self._job.request
        if self._cap - written < min(MIN_USEFUL_TOKENS, self._cap):
            return False

        def cover() -> int | None:
            size = tokens.count_prompt(self._messages, request.extra.get("tools"), model=request.model)
            return work.cover(
                self._owner,
                input_tokens=size,
                written=written,
                cap=self._cap,
                least=min(MIN_USEFUL_TOKENS, self._cap - written),
                step=FIRST_STEP_TOKENS,
            )

        covered = await self._in_thread(cover)
        if covered is None:
            return False
        request = replace(
            request,
            max_output_tokens=self._cap - written,
            request_id=f"{self._job.run_id}-{self._job.attempt}.{number}",
        )
        self._job = replace(self._job, request=request, covered=covered, written=written)
        return True

    def _show(self, *calls: Call) -> None:
        for call in calls:
            self._shown = [call if one.id == call.id else one for one in self._shown]
            if all(one.id != call.id for one in self._shown):
                self._shown.append(call)
        self._loop.publisher.show_calls(self._stream, [call.shown for call in self._shown])

    async def _in_thread(self, work_of: Callable[[], T]) -> T:
        """Without the database it waits; the lease ends the run if that lasts."""
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(_threads, work_of)
            except DatabaseFailure:
                logger.warning("a tool call could not be written; trying again")
                await asyncio.sleep(AGAIN_S)
