"""Ending processes that are not our children: what a killed supervisor left behind."""

import signal
import time
from collections.abc import Sequence

import psutil

POLL_S = 0.05
MARK = "STATE_DIR"
"""In the environment of every process of a stack; tells leftovers from strangers."""


def end(processes: Sequence[psutil.Process], *, first: signal.Signals, grace: float) -> bool:
    """Send ``first``, after ``grace`` seconds SIGKILL; returns whether all are gone."""
    if _signal_and_wait(processes, first, timeout=grace):
        return True
    return _signal_and_wait(processes, signal.SIGKILL, timeout=5)


def _signal_and_wait(processes: Sequence[psutil.Process], number: signal.Signals, *, timeout: float) -> bool:
    for process in filter(is_alive, processes):
        process.send_signal(number)
    deadline = time.monotonic() + timeout
    while any(map(is_alive, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def is_alive(process: psutil.Process) -> bool:
    """A zombie is not: in a container nobody may ever collect it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
