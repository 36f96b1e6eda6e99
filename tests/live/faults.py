"""Breaks processes of the stack, and waits until the supervisor has mended them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import redis

from config.local.stack import Stack
from tests.live.books import eventually


class Faults:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def kill(self, *names: str, number: signal.Signals = signal.SIGKILL) -> None:
        """All at once; each is started again by the supervisor. Returns before that."""
        pids = self.stack.pids()
        for name in names:
            # Each fault counts as the first one: the tests of a session are not a crash loop.
            self.stack.supervisor.child(name).failures = 0
        for name in names:
            os.kill(pids[name], number)

    def kill_workers_of(self, name: str) -> None:
        """The child processes only, such as gunicorn's workers."""
        for child in psutil.Process(self.stack.pids()[name]).children():
            child.kill()

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Stopped in mid-air, as by a machine that sleeps; thawed at the end."""
        pids = [self.stack.pids()[name] for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                if psutil.pid_exists(pid):
                    os.kill(pid, signal.SIGCONT)

    def wait_until_frozen_consumer_waits_no_more(self) -> None:
        """Redis still hands a task to a frozen worker that asked for one, for the second that it asked for."""
        client = redis.Redis.from_url(self.stack.environment["REDIS_URL"])

        def is_over() -> bool:
            asked = [row for row in client.client_list() if row["cmd"] == "brpop"]
            return any("b" not in row["flags"] and int(row["idle"]) >= 1 for row in asked)

        eventually(is_over, what="no blocked read of the frozen worker is left")

    def wait_whole(self) -> None:
        """Until every process runs and is ready."""
        eventually(self._is_whole, what="all processes are back")

    def _is_whole(self) -> bool:
        children = self.stack.supervisor.children
        return all(child.is_running() and child.is_ready() for child in children)
