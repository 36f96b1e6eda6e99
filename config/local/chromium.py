"""A Chromium for the browser tests: the machine's, else installed by its package manager."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_APPLICATIONS = ("Chromium.app/Contents/MacOS/Chromium", "Google Chrome.app/Contents/MacOS/Google Chrome")
INSTALLERS = {
    "apt-get": (
        ("apt-get", "update", "-q"),
        ("apt-get", "install", "-qy", "--no-install-recommends", "chromium"),
    ),
    "dnf": (("dnf", "install", "-qy", "chromium"),),
    "apk": (("apk", "add", "--quiet", "chromium"),),
}
INSTALL_TIMEOUT_S = 600


def chromium_environment() -> dict[str, str]:
    """``CHROMIUM`` with its path, or ``CHROMIUM_MISSING`` with the reason; may install it first."""
    path = os.environ.get("CHROMIUM") or find_chromium() or _install()
    if path:
        return {"CHROMIUM": path}
    return {"CHROMIUM_MISSING": "No Chromium was found and none could be installed here: install `chromium`."}


def find_chromium() -> str | None:
    for name in NAMES:
        if path := shutil.which(name):
            return path
    folders = (Path("/Applications"), Path(os.path.expanduser("~/Applications")))
    found = (folder / name for folder in folders for name in MAC_APPLICATIONS if (folder / name).exists())
    return next((str(path) for path in found), None)


def _install() -> str | None:
    """Only where that asks nobody for a password."""
    for commands in _installers():
        print(f"Installing Chromium with {commands[0][0]} for the browser tests …", flush=True)
        if all(_succeeds(command) for command in commands):
            return find_chromium()
    return None


def _installers() -> list[tuple[tuple[str, ...], ...]]:
    if sys.platform == "darwin" and shutil.which("brew"):
        return [(("brew", "install", "--quiet", "--cask", "chromium"),)]
    if os.geteuid() != 0:
        return []
    return [commands for name, commands in INSTALLERS.items() if shutil.which(name)]


def _succeeds(command: tuple[str, ...]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        result = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0
