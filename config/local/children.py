"""One supervised process: started in a session of its own, its output pumped, its group ended."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.local.accounts import Account
from config.local.output import Output
from config.processes import ROOT

LAST_LINES = 12
PR_SET_PDEATHSIG = 1
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
STABLE_AFTER_S = 30.0


@dataclass(frozen=True)
class Service:
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path = ROOT
    ready: Callable[[], bool] | None = None
    ready_text: str | None = None
    """Ready once a line of its output contains this."""
    before_start: Callable[[], None] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0
    """Seconds between ``stop_signal`` and SIGKILL."""
    account: Account | None = None
    keeps_data: bool = False
    log_only: bool = False
    """Its output is not shown on the console."""
    confidential: bool = False
    """Its output holds passwords: kept in ``Child.confidential_lines``, shown and logged nowhere."""


@dataclass
class Child:
    """``start`` must be called by a thread that lives as long as the process: the kernel sends
    ``stop_signal`` to the process when that thread ends (Linux), so that nothing outlives a killed
    supervisor.
    """

    service: Service
    output: Output
    process: subprocess.Popen[str] | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    confidential_lines: list[str] = field(default_factory=list)
    failures: int = 0
    restart_at: float | None = None
    started_at: float = 0.0
    _said_ready: threading.Event = field(default_factory=threading.Event)
    _pump_thread: threading.Thread | None = None

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        service = self.service
        if service.before_start:
            service.before_start()
        self._said_ready.clear()
        self.restart_at = None
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            service.command,
            cwd=service.directory,
            env=dict(service.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            umask=0o077,
            # one system call in the child, which needs no lock that another thread could hold
            preexec_fn=_follow_parent(service.stop_signal),  # noqa: PLW1509
            **(service.account.run_as() if service.account else {}),
        )
        self._pump_thread = threading.Thread(target=self._pump, args=(self.process,), daemon=True)
        self._pump_thread.start()

    def _pump(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                text = line.rstrip()
                if self.service.confidential:
                    self.confidential_lines.append(text)
                    continue
                self.last_lines.append(text)
                if self.service.ready_text and self.service.ready_text in text:
                    self._said_ready.set()
                self.output.process_line(self.name, text, shown=not self.service.log_only)

    def join_output(self) -> None:
        """Wait until what the ended process printed has arrived."""
        if self._pump_thread and not self.is_running():
            self._pump_thread.join(timeout=1)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        if self.service.ready_text:
            return self._said_ready.is_set()
        return self.service.ready is None or self.service.ready()

    def schedule_restart(self) -> float:
        """Note a crash; returns the delay before the next start."""
        assert self.process is not None
        self.kill_group()  # a killed gunicorn leaves workers that hold the port
        if time.monotonic() - self.started_at > STABLE_AFTER_S:
            self.failures = 0
        delay = min(FIRST_DELAY_S * 2.0**self.failures, LONGEST_DELAY_S)
        self.failures += 1
        self.restart_at = time.monotonic() + delay
        return delay

    def ask_to_stop(self) -> None:
        self.restart_at = None
        if self.process and self.is_running():
            self.process.send_signal(self.service.stop_signal)

    def end(self, *, grace: float) -> None:
        """Wait up to ``grace`` seconds, then kill; nothing of its group is left afterwards."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            self.output.say(f"{self.name} did not stop within {grace:.0f} s and is killed.")
        self.kill_group()
        self.process.wait()

    def kill_group(self) -> None:
        if self.process:
            # gone already; macOS says "not permitted" for a group of zombies
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


def _follow_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """For Linux: runs in the child, after it changed its user, which would undo the request."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def follow() -> None:
        prctl(PR_SET_PDEATHSIG, int(stop_signal))
        if os.getppid() != parent:
            os._exit(1)

    return follow
