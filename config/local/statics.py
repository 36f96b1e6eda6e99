"""Collecting static files takes seconds; it is repeated only when something changed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from config.processes import ROOT


def are_collected(state_dir: Path) -> bool:
    try:
        return _stamp(state_dir).read_text() == _fingerprint()
    except FileNotFoundError:
        return False


def note_collected(state_dir: Path) -> None:
    _stamp(state_dir).write_text(_fingerprint())


def _stamp(state_dir: Path) -> Path:
    return state_dir / "static.collected"


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    """Our files by themselves; those of packages by the versions and the settings that choose them."""
    for directory in (ROOT / "static", *ROOT.glob("*/static")):
        yield from (path for path in directory.rglob("*") if path.is_file())
    yield from (
        path for path in (ROOT / "constraints.txt", ROOT / "config/settings/base.py") if path.exists()
    )
