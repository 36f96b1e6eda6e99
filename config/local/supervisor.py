"""A set of children: started and awaited together, restarted after a crash, stopped in reverse order."""

import threading
import time
from collections.abc import Callable, Sequence

from config.local.children import Child, Service
from config.local.failures import LocalFailure, StopRequested
from config.local.output import Output

POLL_S = 0.05
START_TIMEOUT_S = 60.0


class Supervisor:
    def __init__(self, output: Output, *, on_change: Callable[[list[Child]], None]) -> None:
        """``on_change`` is called with all children whenever one was started."""
        self.output = output
        self.stop_requested = threading.Event()
        self._on_change = on_change
        self._groups: list[list[Child]] = []
        self._passing: list[Child] = []
        self._lock = threading.RLock()

    @property
    def children(self) -> list[Child]:
        return [child for group in self._groups for child in group]

    def child(self, name: str) -> Child:
        return next(child for child in self.children if child.name == name)

    def start(self, services: Sequence[Service]) -> list[Child]:
        """Start a group of processes at once; a later group is stopped before it."""
        group: list[Child] = []
        with self._lock:
            self._groups.append(group)
            for service in services:
                child = Child(service, self.output)
                child.start()
                group.append(child)
                self._on_change(self.children)
        return group

    def wait_ready(self, children: Sequence[Child], *, timeout: float = START_TIMEOUT_S) -> None:
        """Raises ``LocalFailure`` when one ends or does not get ready, ``StopRequested`` on a signal."""
        deadline = time.monotonic() + timeout
        waiting = list(children)
        while waiting:
            for child in waiting:
                self._require_running(child)
            waiting = [child for child in waiting if not child.is_ready()]
            if waiting and time.monotonic() > deadline:
                raise LocalFailure(
                    f"{waiting[0].name} was not ready after {timeout:.0f} s. {_quoted(waiting[0])}"
                )
            if waiting and self.stop_requested.wait(POLL_S):
                raise StopRequested

    def _require_running(self, child: Child) -> None:
        if not child.is_running():
            code = child.process.returncode if child.process else None
            raise LocalFailure(
                f"{child.name} ended while it was started (exit code {code}). {_quoted(child)}"
            )

    def run(self, service: Service) -> str:
        """Run a process that ends by itself; see ``begin`` and ``finish``."""
        return self.finish(self.begin(service))

    def begin(self, service: Service) -> Child:
        """Start a process that ends by itself; ``finish`` must follow."""
        child = Child(service, self.output)
        with self._lock:
            child.start()
            self._passing.append(child)
        return child

    def finish(self, child: Child) -> str:
        """Wait for its end; returns what it printed if its service is ``confidential``, else "".

        Raises ``LocalFailure`` unless it ended well, ``StopRequested`` on a signal.
        """
        while child.is_running():
            if self.stop_requested.wait(POLL_S):
                raise StopRequested
        child.join_output()
        self._passing.remove(child)
        assert child.process is not None
        if child.process.returncode:
            raise LocalFailure(f"{child.name} failed. {_quoted(child)}")
        return "\n".join(child.confidential_lines)

    def watch_once(self) -> None:
        """Notice crashes and start again what is due."""
        with self._lock:
            if self.stop_requested.is_set():
                return
            for child in self.children:
                if child.restart_at is None and not child.is_running():
                    self._note_crash(child)
                elif child.restart_at is not None and time.monotonic() >= child.restart_at:
                    self._restart(child)

    def _note_crash(self, child: Child) -> None:
        assert child.process is not None
        delay = child.schedule_restart()
        ending = _ending(child.process.returncode)
        self.output.say(f"{child.name} ended unexpectedly ({ending}); it is started again in {delay:g} s.")

    def _restart(self, child: Child) -> None:
        try:
            child.start()
        except (LocalFailure, OSError) as error:
            child.schedule_restart()
            self.output.say(f"{child.name} could not be started: {error}")
        self._on_change(self.children)

    def stop(self) -> None:
        """End all children, the last group first; returns when nothing of them is left."""
        self.stop_requested.set()
        with self._lock:
            for group in [self._passing, *reversed(self._groups)]:
                _end_together(group)
            self._groups.clear()
            self._passing.clear()

    def hurry(self) -> None:
        """Kill all but the servers that keep data; for a signal handler, while ``stop`` waits."""
        for child in [*self._passing, *self.children]:
            if not child.service.keeps_data:
                child.kill_group()


def _end_together(group: Sequence[Child]) -> None:
    for child in group:
        child.ask_to_stop()
    asked_at = time.monotonic()
    for child in group:
        child.end(grace=max(0.0, asked_at + child.service.grace - time.monotonic()))


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _quoted(child: Child) -> str:
    child.join_output()
    if any("No space left on device" in line for line in child.last_lines):
        return "The disk is full: free some space and start again."
    if not child.last_lines:
        return "It printed nothing."
    return "Its last lines:\n" + "\n".join(f"  {line}" for line in child.last_lines)
