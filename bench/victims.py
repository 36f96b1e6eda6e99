"""Which process is killed, and how. One class per kind of stack: the shared one, and one with a supervisor of ours."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psutil

from bench import processes
from bench.target import Target, describe
from config.local.ports import free_port
from config.processes import ROOT

KINDS = ("web worker", "web master", "worker-llm", "worker", "beat", "redis", "postgres", "supervisor")
SUPERVISOR = "supervisor"
READY_WITHIN_S = 90.0
POLL_S = 0.1
NOTHING_MORE: Mapping[str, str] = {}
PROCESSES = ("web", "worker-llm", "worker", "beat", "redis", "postgres")


class StackGone(Exception):  # noqa: N818  reads as what happened
    """A process did not come back, or not to its work."""


class Victim(Protocol):
    """`kill` returns at once with the Unix time of the blow; `recover` when everything runs again."""

    kind: str
    target: Target

    def kill(self, chance: random.Random) -> float: ...

    def recover(self) -> None: ...

    def close(self) -> None: ...


class WebWorker:
    kind = "web worker"

    def __init__(self, target: Target) -> None:
        self.target = target

    def kill(self, chance: random.Random) -> float:
        return _strike(chance.choice(processes.web_workers(self.target)).pid, signal.SIGKILL)

    def recover(self) -> None:
        wait_ready(self.target)

    def close(self) -> None:
        """Nothing of its own."""


class Process(WebWorker):
    """A process that the supervisor starts again."""

    def __init__(self, target: Target, kind: str, name: str, blow: signal.Signals = signal.SIGKILL) -> None:
        super().__init__(target)
        self.kind = kind
        self._name = name
        self._blow = blow

    def kill(self, chance: random.Random) -> float:
        return _strike(self.target.pids()[self._name], self._blow)


class Supervisor:
    """A whole stack in a process of its own, started again after each kill. It calls the shared simulated provider."""

    kind = SUPERVISOR

    def __init__(
        self, shared: Target, directory: Path, environment: Mapping[str, str] = NOTHING_MORE
    ) -> None:
        self._environment = environment
        self._directory = directory
        self._port = free_port()
        self._provider = f"http://{shared.simulator.host}:{shared.simulator.port}"
        self._process = self._start()
        url = f"http://127.0.0.1:{self._port}"
        servers = json.loads((directory / "env.json").read_text())
        environ = {**servers, "SIMULATOR_URL": self._provider}
        self.target = describe(directory / "state.json", url=url, environ=environ)

    def _start(self) -> subprocess.Popen[str]:
        command = [
            sys.executable, "-m", "bench.own_stack", str(self._directory), str(self._port), self._provider,
        ]  # fmt: skip
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**_outside_environment(), **self._environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise SystemExit(f"the supervised stack did not start; see {self._directory / 'processes.log'}")
        return process

    def kill(self, chance: random.Random) -> float:
        killed_at = _strike(self._process.pid, signal.SIGKILL)
        self._process.wait()
        return killed_at

    def recover(self) -> None:
        if self._process.poll() is not None:
            self._process = self._start()
        wait_ready(self.target)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)


def victim(target: Target, kind: str) -> Victim:
    """Of a stack that runs already; a supervisor comes with a stack of its own."""
    if kind == WebWorker.kind:
        return WebWorker(target)
    blow = signal.SIGQUIT if kind == "postgres" else signal.SIGKILL
    return Process(target, kind, "web" if kind == "web master" else kind, blow)


def _outside_environment() -> Mapping[str, str]:
    """The environment that this bench was started in, without what the shared stack put there."""
    shared = json.loads((Path(os.environ["BENCH_STATE"]).parent / "env.json").read_text())
    return {name: value for name, value in os.environ.items() if name not in shared}


def _strike(pid: int, blow: signal.Signals) -> float:
    killed_at = time.time()
    os.kill(pid, blow)
    return killed_at


def wait_ready(target: Target) -> None:
    """Until every process runs and the web server says so. Raises StackGone after a long time."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if _all_run(target) and _is_ready(target):
            return
        time.sleep(POLL_S)
    raise StackGone("the stack did not come back")


def _all_run(target: Target) -> bool:
    try:
        pids = target.pids()
    except (OSError, ValueError):
        return False
    return all(name in pids and psutil.pid_exists(pids[name]) for name in PROCESSES)


def _is_ready(target: Target) -> bool:
    url = f"http://{target.address.host}:{target.address.port}/ready"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
