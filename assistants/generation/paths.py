"""Paths of files that a model names: only such as are safe to write below a folder, on every system."""

import re
import unicodedata
from collections.abc import Collection
from pathlib import PurePosixPath

MAX_LENGTH, MAX_PART = 200, 100
MAX_DEPTH = 12
FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
# What Windows takes for a device, whatever stands behind the dot.
DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(1, 10))}
)
# What is written here is run by other programs without being asked.
STARTED = frozenset({".git", ".hg", ".svn", ".ssh"})


def problem_of(path: str) -> str:
    """Why a path must not be written; empty: it may."""
    if not path or path != path.strip():
        return "It is empty, or begins or ends with a space."
    if len(path) > MAX_LENGTH:
        return f"It is longer than {MAX_LENGTH} characters."
    if FORBIDDEN.search(path) or not path.isprintable():
        return "It holds characters that no path may have."
    if path.startswith(("/", "~")):
        return "It is not relative."
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return f"It is deeper than {MAX_DEPTH} folders."
    return next((found for part in parts if (found := _problem_of_part(part))), "")


def _problem_of_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "It leads elsewhere."
    if len(part.encode()) > MAX_PART:
        return f"One of its names is longer than {MAX_PART} bytes."
    if part.endswith((".", " ")) or part.startswith(" "):
        return "One of its names begins or ends with a space, or ends with a dot."
    if _folded(part).split(".")[0] in DEVICES:
        return "One of its names is a device of Windows."
    if _folded(part) in STARTED:
        return "It lies in a folder whose files other programs run."
    return ""


def _folded(text: str) -> str:
    """Two names with the same fold are one file on some systems."""
    return unicodedata.normalize("NFKC", text).casefold()


def is_taken(path: str, taken: Collection[str]) -> bool:
    """Whether it is one of `taken`, lies in one of them, or is a folder of one."""
    wanted = _folded(path)
    return any(
        wanted == other or wanted.startswith(f"{other}/") or other.startswith(f"{wanted}/")
        for other in map(_folded, taken)
    )


def renamed(path: str, number: int) -> str:
    """A safe path for a file whose own one is not: nothing that was paid is thrown away."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePosixPath(path.replace("\\", "/")).name).strip("-.")
    return f"renamed/{number}-{name[-60:] or 'file'}"
