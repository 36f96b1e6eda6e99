"""What the person sees: the supervisor's own lines, and the processes' lines behind their names."""

import logging
import os
import sys
import threading
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
NAME_WIDTH = 12
LOG_BYTES = 10_000_000


class _QuietFile(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_open_privately)

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk must not take the processes down with their log."""


class Output:
    """Lines go to ``log`` (kept, at most twice ``LOG_BYTES``) and, unless quiet, to the console.

    Called from one thread per process.
    """

    def __init__(
        self, log: Path | None = None, console: TextIO | None = None, *, quiet: bool = False
    ) -> None:
        self._console = console
        self._quiet = quiet
        self._lock = threading.Lock()
        self._coloured = bool(console and console.isatty() and "NO_COLOR" not in os.environ)
        self._colours: dict[str, int] = {}
        self._log = self._open_log(log) if log else None

    @staticmethod
    def _open_log(path: Path) -> logging.Handler:
        handler = _QuietFile(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(message)s"))
        return handler

    def process_line(self, name: str, text: str, *, shown: bool = True) -> None:
        """A line that process ``name`` printed."""
        with self._lock:
            self._record(f"{name:<{NAME_WIDTH}}| {text}")
            if shown and not self._quiet:
                self._show(f"{self._prefix(name)} {text}")

    def say(self, text: str) -> None:
        """A sentence of the supervisor itself."""
        with self._lock:
            self._record(text)
            self._show(text)

    def tell_person(self, text: str) -> None:
        """For the person only: it holds passwords, which belong in no log."""
        with self._lock:
            self._show(text)

    def _prefix(self, name: str) -> str:
        label = f"{name:<{NAME_WIDTH}}|"
        if not self._coloured:
            return label
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\033[{colour}m{label}\033[0m"

    def _record(self, text: str) -> None:
        if self._log:
            self._log.handle(logging.LogRecord("local", logging.INFO, "", 0, text, None, None))

    def _show(self, text: str) -> None:
        if self._console is None:
            return
        try:
            self._console.write(f"{text}\n")
            self._console.flush()
        except (OSError, ValueError):
            # the reader is gone (a closed pipe or terminal); the processes go on
            self._console = None


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def console_output(log: Path | None, *, quiet: bool = False) -> Output:
    return Output(log, sys.stdout, quiet=quiet)
