"""The state directory of one stack: its lock, its files, and what an earlier one left running."""

import fcntl
import json
import os
import secrets
import shutil
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psutil

from config.local import accounts, leftovers
from config.local.children import Child
from config.local.failures import LocalFailure
from config.local.postgres import remove_postgres
from config.processes import ROOT

RUN_DIR = ROOT / ".run"
LEAST_FREE_BYTES = 200 * 2**20


class AlreadyRunning(LocalFailure):
    """Another supervisor holds the lock of this state directory."""

    def __init__(self, *, pid: int, url: str) -> None:
        self.pid = pid
        self.url = url
        super().__init__(
            f"Steward is already running at {url} (process {pid}); ./dev down stops it."
            if url
            else f"Another ./dev command (process {pid}) uses the private servers; wait for it to end."
        )


@dataclass(frozen=True)
class State:
    directory: Path

    @property
    def log(self) -> Path:
        return self.directory / "processes.log"

    @property
    def _lock_file(self) -> Path:
        return self.directory / "lock"

    @property
    def _environment_file(self) -> Path:
        return self.directory / "env.json"

    @property
    def _demo_file(self) -> Path:
        return self.directory / "demo.json"

    @property
    def processes_file(self) -> Path:
        return self.directory / "state.json"

    def make(self) -> None:
        """Make the directory; root's own servers run as `nobody`, who has to pass it."""
        mode = 0o711 if accounts.unprivileged_account() else 0o700
        for directory in (RUN_DIR, self.directory):
            directory.mkdir(mode=mode, parents=True, exist_ok=True)
        self.directory.chmod(mode)
        if shutil.disk_usage(self.directory).free < LEAST_FREE_BYTES:
            raise LocalFailure(
                f"The disk that holds {self.directory} is full: {LEAST_FREE_BYTES // 2**20} MB must be free."
            )

    @contextmanager
    def locked(self, *, url: str = "") -> Iterator[None]:
        """Hold the lock; raises ``AlreadyRunning`` when another process has it."""
        with open(os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _holder(file) from None
            file.truncate(0)
            json.dump({"pid": os.getpid(), "url": url}, file)
            file.flush()
            yield

    def holder(self) -> AlreadyRunning | None:
        """Who holds the lock now."""
        try:
            with open(self._lock_file) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return _holder(file)
        except FileNotFoundError:
            pass
        return None

    def save_environment(self, environment: Mapping[str, str]) -> None:
        _write_privately(self._environment_file, json.dumps(dict(environment), indent=1))

    def load_environment(self) -> dict[str, str]:
        return {name: str(value) for name, value in _parsed(_read(self._environment_file)).items()}

    def forget_running(self) -> None:
        for file in (self._environment_file, self.processes_file):
            file.unlink(missing_ok=True)

    def save_demo(self, demo: Mapping[str, Any]) -> None:
        """What ``manage demo --json`` says: who can sign in."""
        _write_privately(self._demo_file, json.dumps(dict(demo), indent=1))

    def load_demo(self) -> dict[str, Any]:
        return _parsed(_read(self._demo_file))

    def save_processes(self, children: Iterable[Child], *, url: str) -> None:
        """What runs now, by name; read at the next start, by ``bench`` and by tests."""
        processes = {child.name: {"pid": child.pid} for child in children if child.is_running()}
        document = {"supervisor": os.getpid(), "url": url, "processes": processes}
        _write_privately(self.processes_file, json.dumps(document, indent=1))

    def end_leftovers(self) -> list[str]:
        """End what an earlier, killed supervisor left running. Only call this with the lock held."""
        groups = {
            entry["pid"]: name
            for name, entry in _parsed(_read(self.processes_file)).get("processes", {}).items()
        }
        members = [(groups[group], process) for group, process in _group_members() if group in groups]
        ours = [(name, process) for name, process in members if name != "postgres" and self._is_ours(process)]
        leftovers.end([process for _, process in ours], first=signal.SIGTERM, grace=5)
        self.processes_file.unlink(missing_ok=True)
        return sorted({name for name, _ in ours})

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(leftovers.MARK) == str(self.directory)
        except psutil.Error:
            return False

    def clear(self) -> None:
        """Remove everything but the lock. Only call this with the lock held."""
        remove_postgres(self.directory)
        for entry in self.directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()


def _holder(file: TextIO) -> AlreadyRunning:
    details = _parsed(file.read())
    return AlreadyRunning(pid=int(details.get("pid", 0)), url=str(details.get("url", "")))


def _group_members() -> Iterator[tuple[int, psutil.Process]]:
    for process in psutil.process_iter():
        try:
            yield os.getpgid(process.pid), process
        except (ProcessLookupError, PermissionError):
            continue


def secret_key() -> str:
    """This machine's own key, made once."""
    path = RUN_DIR / "secret_key"
    if not path.exists():
        _write_privately(path, secrets.token_urlsafe(48))
    return path.read_text().strip()


def _write_privately(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    unfinished.rename(path)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
