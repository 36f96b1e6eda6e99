"""Files in and out: what is written stays below the folder, whatever a server or a model calls it."""

import os
from pathlib import Path, PurePosixPath
from typing import Any

from steward_cli.refusals import USAGE, Refusal

CODE = frozenset({
    ".py", ".js", ".mjs", ".ts", ".tsx", ".jsx", ".go", ".rs", ".java", ".kt", ".rb", ".php", ".c", ".h", ".cpp",
    ".cs", ".swift", ".sql", ".sh", ".html", ".css", ".json", ".yaml", ".yml", ".toml",
})  # fmt: skip
LEFT_OUT = frozenset({"node_modules", "__pycache__", "venv", "dist", "build"})


def write(folder: Path, files: list[dict[str, Any]], *, force: bool) -> list[Path]:
    """All of them or none: every path is judged before the first is written. Raises Refusal."""
    root = folder.resolve()
    targets = [(_target(root, file["path"]), file["content"]) for file in files]
    there = [str(target) for target, _ in targets if target.exists() or target.is_symlink()]
    if there and not force:
        raise Refusal("These are there already, so nothing was written (--force): " + ", ".join(there), USAGE)
    for target, content in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        # SECURITY: a link that appeared meanwhile is replaced, not followed.
        new = target.with_name(f".{target.name}.new")
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(content)
        new.replace(target)
    return [target for target, _ in targets]


def _target(root: Path, path: str) -> Path:
    parts = PurePosixPath(path).parts
    is_odd = not parts or path.startswith("/") or any(char in path for char in "\\:\x00")
    target = root.joinpath(*parts) if not is_odd else root
    inside = target.parent.resolve()
    if is_odd or ".." in parts or ".git" in parts or not inside.is_relative_to(root) or target.is_dir():
        raise Refusal(f"{path!r} would be written outside {root}, so nothing was written.", USAGE)
    return target


def read(paths: list[Path]) -> list[dict[str, str]]:
    """The code below these paths, named from where the command runs. Raises Refusal."""
    found: dict[str, str] = {}
    for path in paths:
        if not path.exists():
            raise Refusal(f"There is no {path}.", USAGE)
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and (not path.is_dir() or _is_code(file.relative_to(path))):
                found[_name(file)] = _text(file)
    if not found:
        raise Refusal("There is no code below these paths.", USAGE)
    return [{"path": name, "content": text} for name, text in found.items()]


def _is_code(path: Path) -> bool:
    hidden = any(part.startswith(".") or part in LEFT_OUT for part in path.parts)
    return path.suffix.lower() in CODE and not hidden


def _name(file: Path) -> str:
    full, here = file.resolve(), Path.cwd()
    return full.relative_to(here).as_posix() if full.is_relative_to(here) else full.name


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{file} cannot be read as text.", USAGE) from error
