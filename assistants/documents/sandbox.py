"""Runs the reader of files as a process that can do nothing but read one, and outlives whatever it dies of."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from config import errors

MEMORY = 1024 * 1024 * 1024
CPU_S = 60
WALL_S = 90
MAX_ANSWER = 64 * 1024 * 1024
# Isolated: no user site, no PYTHON… variables, not the working directory; only this project and what is installed.
PROGRAM = "import sys; sys.path.insert(0, sys.argv.pop(1)); from assistants.documents.reader.main import main; main()"
SIGNALS = {
    signal.SIGXCPU: "parser_timeout",
    signal.SIGALRM: "parser_timeout",
    signal.SIGKILL: "parser_killed",
}
Tell = Callable[[int], None]


class ReadingFailed(errors.DomainError):
    """`code`: one of `words.FAILURES`."""

    status = 422


@dataclass(frozen=True)
class Passage:
    page: int
    heading: str
    text: str
    tokens: int


@dataclass(frozen=True)
class Reading:
    pages: int
    passages: list[Passage]


def read(
    file: IO[bytes],
    media_type: str,
    tell: Tell,
    *,
    memory: int = MEMORY,
    cpu_s: int = CPU_S,
    wall_s: int = WALL_S,
) -> Reading:
    """Blocks until the file is read; `tell` hears of per cent now and then. Raises ReadingFailed."""
    with tempfile.TemporaryFile() as spool:
        while chunk := file.read(1024 * 1024):
            spool.write(chunk)
        spool.seek(0)
        command = [
            sys.executable, "-I", "-c", PROGRAM, str(settings.BASE_DIR), media_type,
            f"--memory={memory}", f"--cpu-s={cpu_s}", f"--wall-s={wall_s}",
        ]  # fmt: skip
        process = subprocess.Popen(  # noqa: S603  our own words
            command,
            stdin=spool,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"},
            cwd=Path("/"),
            start_new_session=True,
        )
    return _answer_of(process, tell, wall_s)


def _answer_of(process: subprocess.Popen[bytes], tell: Tell, wall_s: int) -> Reading:
    overdue = threading.Event()

    def end() -> None:
        overdue.set()
        _kill(process)

    # Its own alarm comes first; this is for one that got rid of it.
    watch = threading.Timer(wall_s + 5, end)
    watch.start()
    try:
        answer = _listen(process, tell)
        code = process.wait()
    finally:
        watch.cancel()
        _kill(process)
        process.wait()
    if overdue.is_set():
        raise ReadingFailed(code="parser_timeout")
    if answer is None:
        raise ReadingFailed(
            code=SIGNALS.get(signal.Signals(-code), "parser_died") if code < 0 else "parser_died"
        )
    if "refused" in answer:
        raise ReadingFailed(code=str(answer["refused"]))
    return Reading(int(answer["pages"]), [Passage(*row) for row in answer["chunks"]])


def _listen(process: subprocess.Popen[bytes], tell: Tell) -> dict[str, Any] | None:
    """The last line, unless it only told of progress. None when the process died before it said anything whole."""
    assert process.stdout is not None
    with process.stdout as out:
        while line := out.readline(MAX_ANSWER):
            if not line.endswith(b"\n"):
                _kill(process)
                return None
            said = json.loads(line)
            if "progress" not in said:
                return dict(said)
            tell(int(said["progress"]))
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
