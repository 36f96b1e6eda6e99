"""Where the server is, and as whom: from the environment, else from a file that only its owner can read."""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import typer

from steward_cli.refusals import SIGNED_OUT, Refusal

URL_VARIABLE, KEY_VARIABLE = "STEWARD_URL", "STEWARD_KEY"


@dataclass(frozen=True)
class Settings:
    """`workspace`: for a token of a person, who may be in several; a key belongs to one."""

    url: str
    key: str
    workspace: str = ""


def place() -> Path:
    return Path(typer.get_app_dir("steward")) / "config.json"


def load() -> Settings:
    """The environment wins. Raises Refusal when there is nothing, or when others can read the file."""
    saved = _read()
    url = os.environ.get(URL_VARIABLE) or saved.get("url", "")
    key = os.environ.get(KEY_VARIABLE) or saved.get("key", "")
    if not url or not key:
        raise Refusal(f"Run `steward login` first, or set {URL_VARIABLE} and {KEY_VARIABLE}.", SIGNED_OUT)
    is_from_environment = bool(os.environ.get(KEY_VARIABLE))
    return Settings(url.rstrip("/"), key, "" if is_from_environment else saved.get("workspace", ""))


def _read() -> dict[str, str]:
    path = place()
    if os.environ.get(URL_VARIABLE) and os.environ.get(KEY_VARIABLE):
        return {}
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return {}
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise Refusal(f"Others can read {path}, which holds a key. Run: chmod 600 '{path}'", SIGNED_OUT)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Refusal(f"{path} is damaged. Run `steward login` again.", SIGNED_OUT) from error
    return found if isinstance(found, dict) else {}


def save(settings: Settings) -> Path:
    """In one step, and never readable by others, not even for a moment."""
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(vars(settings), file)
    new.replace(path)
    return path
