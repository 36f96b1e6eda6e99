"""What the process that reads may use, set by itself before it sees the file."""

import resource
import signal
import sys
from typing import Any

# What a library of a format has no need of. The interpreter's own hooks, so no library goes around them by accident.
FORBIDDEN = (
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "ctypes.dlopen",
)


def set_limits(*, memory: int, cpu_s: int, wall_s: int) -> None:
    """More memory ends in MemoryError, more time in a signal. Nothing is written to files, and no core is dumped."""
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(what, (most, most))
    # The soft limit sends SIGXCPU, the hard one kills.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 2))
    # Whoever waits may be gone: then this process ends by itself.
    signal.alarm(wall_s)


def forbid() -> None:
    """From now on: no network, no other process, no file opened for writing."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(FORBIDDEN):
        raise PermissionError(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise PermissionError(event)
