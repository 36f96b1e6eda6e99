"""``./dev up``, ``down`` and ``manage``: the stack a person works with, in ``.run/up``."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from config import processes
from config.local import stamps
from config.local.failures import LocalFailure, StopRequested
from config.local.foreground import run_in_foreground
from config.local.output import console_output
from config.local.stack import SIMULATED_KEY, Options, Stack
from config.local.state import RUN_DIR, State

STATE_DIR = RUN_DIR / "up"
DEFAULT_PORT = 8000
READY_MARK = "\0ready"
CHANGES_TABLES = ("migrate", "flush", "dbshell")
"""``manage.py`` commands after which the next start migrates again, with or without changed code."""
STOP_TIMEOUT_S = 60.0
OTHER_COMMAND_TIMEOUT_S = 120.0


def up(*, port: int, reset: bool, quiet: bool, relayed: bool = False) -> int:
    """Run until Ctrl-C or SIGTERM. ``relayed``: started by ``detach``; goes silent once ready."""
    stack = Stack(_options(port=port, reset=reset), console_output(STATE_DIR / "processes.log", quiet=quiet))
    _stop_on_signals(stack)
    started = time.monotonic()
    try:
        stack.start()
    except StopRequested:
        return 1
    try:
        stack.output.tell_person(summary(stack, seconds=time.monotonic() - started, detached=relayed))
        if relayed:
            _leave_console()
        stack.watch()
        stack.output.say("Stopping …")
    finally:
        stack.stop()
    stack.output.say("Stopped.")
    return 0


def _options(*, port: int, reset: bool) -> Options:
    if reset and os.environ.get("DATABASE_URL"):
        raise LocalFailure(
            "--reset clears private data only and leaves DATABASE_URL alone: empty that one yourself."
        )
    return Options(
        state_dir=STATE_DIR,
        host=os.environ.get("HOST") or "127.0.0.1",
        port=port,
        reset=reset,
        demo=os.environ.get("DEMO", "1") == "1",
    )


def _stop_on_signals(stack: Stack) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        if stack.supervisor.stop_requested.is_set():
            stack.supervisor.hurry()  # asked twice: do not wait for answers in progress
        stack.request_stop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)


def _leave_console() -> None:
    """Let go of the pipe to ``detach``, which waits for this mark."""
    sys.stdout.write(f"{READY_MARK}\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def detach(*, port: int, reset: bool) -> int:
    """Start ``up`` in the background; returns when it is ready or has failed."""
    if holder := State(STATE_DIR).holder():
        print(holder)
        return 0 if holder.url else 1
    command = [sys.executable, "-m", "config.local", "up", "--relayed", "--quiet", f"--port={port}"]
    process = subprocess.Popen(
        [*command, *(["--reset"] if reset else [])],
        cwd=processes.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.rstrip("\n") == READY_MARK:
                return 0
            print(line, end="", flush=True)
    except KeyboardInterrupt:
        process.terminate()
    return process.wait() or 1


def summary(stack: Stack, *, seconds: float, detached: bool) -> str:
    lines = ["", f"Steward is ready after {seconds:.1f} s:  {stack.url}", ""]
    if stack.options.demo:
        lines += [*_sign_ins(stack.state.load_demo()), f"  Mails it would send: {stack.url}/dev/mail/", ""]
    if stack.environment["OPENAI_API_KEY"] == SIMULATED_KEY:
        lines.append("Answers are simulated; set OPENAI_API_KEY for a real model.")
    lines.append(f"Logs: {_shown(stack.state.log)}")
    lines.append("Stop with ./dev down" if detached else "Stop with Ctrl-C")
    return "\n".join([*lines, ""])


def _sign_ins(demo: Mapping[str, Any]) -> list[str]:
    lines = []
    for workspace in demo.values():
        if not isinstance(workspace, dict) or "slug" not in workspace:
            continue
        lines.append(f"  {workspace['slug']}")
        for person in workspace.get("people", []):
            lines.append(f"    {person['role']:<8} {person['email']:<28} {person['password']}")
    if staff := demo.get("staff"):
        lines += ["  staff", f"    {'':<8} {staff['email']:<28} {staff['password']}"]
    return lines


def _shown(path: Path) -> str:
    return os.path.relpath(path, processes.ROOT)


def down() -> int:
    state = State(STATE_DIR)
    holder = state.holder()
    if holder is None:
        print("Nothing is running.")
        return 0
    os.kill(holder.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while state.holder():
        if time.monotonic() > deadline:
            raise LocalFailure(f"Process {holder.pid} has not stopped after {STOP_TIMEOUT_S:.0f} s.")
        time.sleep(0.05)
    print("Stopped.")
    return 0


def manage(arguments: list[str]) -> int:
    """``manage.py`` on what ``up`` runs; without it PostgreSQL and Redis are started for the command."""
    state = State(STATE_DIR)
    if any(word in "".join(arguments[:1]) for word in CHANGES_TABLES):
        stamps.forget_code(STATE_DIR)
    deadline = time.monotonic() + OTHER_COMMAND_TIMEOUT_S
    while holder := state.holder():
        variables = state.load_environment()
        if holder.url and variables:
            command = processes.manage(*arguments)
            os.execve(command[0], command, {**os.environ, **variables})  # noqa: S606
        if time.monotonic() > deadline:
            raise holder
        time.sleep(0.1)
    return _manage_alone(arguments)


def _manage_alone(arguments: list[str]) -> int:
    demo = os.environ.get("DEMO", "1") == "1"
    stack = Stack(Options(state_dir=STATE_DIR, application=False, demo=demo))
    with stack:
        return run_in_foreground(processes.manage(*arguments), stack.environment)
