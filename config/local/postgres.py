"""A private PostgreSQL server: made once, started as a child, reached by a socket file.

Superuser and database are both called ``steward``; the password is random and lies beside the data.
"""

import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
import psycopg

from config.local import accounts, leftovers
from config.local.accounts import Account
from config.local.children import Service
from config.local.failures import LocalFailure
from config.local.ports import LOOPBACK, free_port
from config.local.postgres_binaries import PostgresBinaries, find_postgres, reachable_by

NAME = "steward"
LONGEST_SOCKET_PATH = 99  # the kernels allow 107 (Linux) and 103 (macOS) bytes
SOCKET_NAME = ".s.PGSQL.5432"
SETTINGS = {
    # containers often have 64 MB of /dev/shm only
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "200",
    # one schema per workspace: operations over many of them lock many tables
    "max_locks_per_transaction": "256",
    "jit": "off",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class PostgresServer:
    binaries: PostgresBinaries
    home: Path
    account: Account | None
    durable: bool
    port: int | None
    """None: reached by the socket file in ``home``."""

    @property
    def data(self) -> Path:
        return self.home / "data"

    def url(self, database: str = NAME) -> str:
        password = (self.home / "password").read_text()
        if self.port:
            return f"postgres://{NAME}:{password}@{LOOPBACK}:{self.port}/{database}"
        return (
            f"postgres://{NAME}:{password}@/{database}?{urlencode({'host': str(self.home)}, quote_via=quote)}"
        )

    def service(self) -> Service:
        return Service(
            name="postgres",
            command=self._command(),
            environment=_environment(),
            directory=Path("/"),
            before_start=lambda: end_leftover(self.data),
            ready=self.is_ready,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown
            grace=30,
            account=self.account,
            keeps_data=True,
            log_only=True,
        )

    def _command(self) -> tuple[str, ...]:
        settings = SETTINGS | ({} if self.durable else THROW_AWAY_SETTINGS)
        if self.port:
            settings |= {"listen_addresses": LOOPBACK, "port": str(self.port), "unix_socket_directories": ""}
        else:
            settings |= {"listen_addresses": "", "port": "5432", "unix_socket_directories": str(self.home)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return (self.binaries.path("postgres"), "-D", str(self.data), *options)

    def is_ready(self) -> bool:
        """Whether connections are accepted; makes the database on the first one."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2, autocommit=True) as connection:
                row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
                if row is None:
                    connection.execute(f"CREATE DATABASE {NAME}")
        except psycopg.OperationalError:
            return False
        return True


def prepare_postgres(state_dir: Path, *, durable: bool, loopback: bool = False) -> PostgresServer:
    """Find the binaries and make the data directory when there is none; starts nothing."""
    account = accounts.unprivileged_account()
    binaries = find_postgres()
    if account:
        binaries = reachable_by(account, binaries)
    home = _home(state_dir, account)
    too_long = len(str(home / SOCKET_NAME).encode()) > LONGEST_SOCKET_PATH
    server = PostgresServer(
        binaries=binaries,
        home=home,
        account=account,
        durable=durable,
        port=free_port() if loopback or too_long else None,
    )
    if not (server.data / "PG_VERSION").exists():
        _make_data(server)
    _require_same_version(server)
    return server


def _home(state_dir: Path, account: Account | None) -> Path:
    home = state_dir / "postgres"
    if account and not account.can_reach(state_dir):
        public = accounts.public_directory(state_dir)
        public.mkdir(parents=True, exist_ok=True)
        if not home.is_symlink():
            home.symlink_to(public)
        home = public
    home.mkdir(mode=0o700, exist_ok=True)
    home.chmod(0o700)
    if account:
        account.own(home)
    return home


def remove_postgres(state_dir: Path) -> None:
    """Remove what ``prepare_postgres`` made, also where root had to put it elsewhere."""
    home = state_dir / "postgres"
    if home.is_symlink():
        shutil.rmtree(home.resolve(), ignore_errors=True)
        home.unlink()
    elif home.exists():
        shutil.rmtree(home)


def _make_data(server: PostgresServer) -> None:
    unfinished = server.home / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    password = server.home / "password"
    password.unlink(missing_ok=True)
    descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(24))
    if server.account:
        server.account.own(password)
    _initdb(server, unfinished, password)
    unfinished.rename(server.data)


def _initdb(server: PostgresServer, directory: Path, password: Path) -> None:
    if server.binaries.major >= 17:
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        locale = ["--locale=C.UTF-8"]
    command = [
        server.binaries.path("initdb"),
        f"--pgdata={directory}",
        f"--username={NAME}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        # a machine that loses power in these seconds starts again with --reset
        "--no-sync",
        *locale,
    ]
    result = subprocess.run(
        command,
        cwd="/",
        env=_environment(),
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=120,
        check=False,
        **(server.account.run_as() if server.account else {}),
    )
    if result.returncode:
        shutil.rmtree(directory, ignore_errors=True)
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LocalFailure(f"PostgreSQL's initdb failed: {reason}")


def _environment() -> dict[str, str]:
    """Without the person's PG* variables and locale, which would change the server's behaviour."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _require_same_version(server: PostgresServer) -> None:
    made_by = (server.data / "PG_VERSION").read_text().strip()
    if made_by != str(server.binaries.major):
        raise LocalFailure(
            f"The data in {server.data} was made by PostgreSQL {made_by}, but this machine now "
            f"has {server.binaries.version}: bring version {made_by} back, or begin anew with --reset."
        )


def end_leftover(data: Path) -> None:
    """Stop a server that an earlier supervisor left on ``data`` and remove a stale pid file.

    PostgreSQL itself takes any living process with the pid in that file for its rival, which after
    a reboot or in a container is often a stranger; the command line decides here.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        pid_file.unlink(missing_ok=True)
        return
    server = _server_on(data, pid)
    if server and not leftovers.end([server], first=signal.SIGINT, grace=30):
        raise LocalFailure(f"An earlier PostgreSQL (process {pid}) does not stop; end it and start again.")
    pid_file.unlink(missing_ok=True)


def _server_on(data: Path, pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if str(data) in process.cmdline() else None
    except psutil.Error:
        return None
