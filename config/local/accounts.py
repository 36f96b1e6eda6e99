"""PostgreSQL refuses to run as root; root therefore starts it as ``nobody``."""

import hashlib
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

# Only root can write here, and everyone can pass: the place for what `nobody` could not reach.
PUBLIC_ROOT = Path("/var/lib/steward")


class RunAs(TypedDict, total=False):
    """Keywords of ``subprocess``; empty for the present account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        os.chown(path, self.uid, self.gid)

    def can_reach(self, path: Path) -> bool:
        """Whether this account can pass all directories above ``path`` and execute or enter it."""
        test = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
        return subprocess.run(test, cwd="/", check=False, **self.run_as()).returncode == 0

    def run_as(self) -> RunAs:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def unprivileged_account() -> Account | None:
    """The account for servers that refuse root, or None when the present one will do."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(uid=65534, gid=65534)
    return Account(uid=entry.pw_uid % 2**32, gid=entry.pw_gid % 2**32)


def public_directory(private: Path) -> Path:
    """The stand-in for ``private`` below ``PUBLIC_ROOT``, the same at every call."""
    digest = hashlib.sha256(str(private).encode()).hexdigest()[:12]
    return PUBLIC_ROOT / f"{private.name}-{digest}"
