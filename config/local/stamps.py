"""Work that a start repeats only when something changed: migrations with demo data, static files."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from config.processes import ROOT

NOT_THE_PRODUCT = frozenset({"tests", "bench", "docs", "clients", "deploy", "static"})


@dataclass(frozen=True)
class Stamp:
    """A file that says from which sources a step was last done."""

    file: Path
    fingerprint: str

    def is_current(self) -> bool:
        try:
            return self.file.read_text() == self.fingerprint
        except FileNotFoundError:
            return False

    def set(self) -> None:
        self.file.write_text(self.fingerprint)


def code(state_dir: Path, *, demo: bool) -> Stamp:
    """Changes with any module of the product and with the versions of packages."""
    kind = "with demo data" if demo else "without demo data"
    return Stamp(state_dir / "migrated", f"{_fingerprint(_modules())} {kind}")


def static_files(state_dir: Path) -> Stamp:
    """Our files by themselves; those of packages by versions and the settings that choose them."""
    return Stamp(state_dir / "static-collected", _fingerprint(_static_sources()))


def forget_code(state_dir: Path) -> None:
    (state_dir / "migrated").unlink(missing_ok=True)


def _modules() -> Iterator[Path]:
    for package in ROOT.iterdir():
        if package.name.startswith(".") or package.name in NOT_THE_PRODUCT or not package.is_dir():
            continue
        yield from package.rglob("*.py")
    yield ROOT / "constraints.txt"


def _static_sources() -> Iterator[Path]:
    for directory in (ROOT / "static", *ROOT.glob("*/static")):
        yield from (path for path in directory.rglob("*") if path.is_file())
    yield from (ROOT / "constraints.txt", ROOT / "config/settings/base.py")


def _fingerprint(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
