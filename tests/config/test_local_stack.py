"""PostgreSQL and Redis without the product's processes; whole stacks run in tests/live."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import psutil
import psycopg
import pytest
import redis

from config.local import __main__ as local
from config.local import external, leftovers, stack, up
from config.local.failures import LocalFailure
from config.local.stack import Options, Stack
from config.local.state import AlreadyRunning
from config.processes import ROOT


@pytest.fixture
def state_dir():
    """Short, so that socket files fit; passable for the account that runs PostgreSQL."""
    directory = Path(tempfile.mkdtemp(prefix="steward-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(autouse=True)
def no_servers_given(monkeypatch):
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


def servers_only(state_dir: Path, **more) -> Options:
    return Options(state_dir=state_dir, application=False, durable=False, demo=False, **more)


def test_servers_run_inside_the_block_and_not_after_it(state_dir):
    with Stack(servers_only(state_dir)) as running:
        pids = running.pids()
        with psycopg.connect(running.environment["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(running.environment["REDIS_URL"]) as client:
            assert client.ping()
        assert running.state.load_environment()["DATABASE_URL"] == running.environment["DATABASE_URL"]

    assert set(pids) == {"postgres", "redis"}
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert running.state.load_environment() == {}


def test_a_killed_database_comes_back_at_the_same_address(state_dir):
    with Stack(servers_only(state_dir)) as running:
        killed = running.pids()["postgres"]
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while running.pids().get("postgres") in {None, killed}:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.supervisor.wait_ready([running.supervisor.child("postgres")])

        with psycopg.connect(running.environment["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


LEAVING = """
import os, sys
from pathlib import Path
from config.local import children
from config.local.stack import Options, Stack
children._follow_parent = lambda stop_signal: None  # as on systems without that request
stack = Stack(Options(state_dir=Path(sys.argv[1]), application=False, durable=False, demo=False))
stack.start()
print(*stack.pids().values(), flush=True)
os.kill(os.getpid(), 9)
"""


def test_servers_left_by_a_killed_supervisor_are_ended_at_the_next_start(state_dir):
    command = [sys.executable, "-c", LEAVING, str(state_dir)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    left = [psutil.Process(int(pid)) for pid in killed.stdout.split()]
    assert [process.is_running() for process in left] == [True, True]

    with Stack(servers_only(state_dir)) as running:
        assert not any(leftovers.is_alive(process) for process in left)
        assert set(running.pids()) == {"postgres", "redis"}


def test_a_second_stack_in_the_same_place_is_refused_and_disturbs_nothing(state_dir):
    with Stack(servers_only(state_dir)) as running:
        with pytest.raises(AlreadyRunning):
            Stack(servers_only(state_dir)).start()

        assert set(running.pids()) == {"postgres", "redis"}
        assert running.state.load_environment()


def test_reset_begins_with_an_empty_database(state_dir):
    with (
        Stack(servers_only(state_dir)) as running,
        psycopg.connect(running.environment["DATABASE_URL"]) as connection,
    ):
        connection.execute("CREATE TABLE old AS SELECT 1")

    with (
        Stack(servers_only(state_dir, reset=True)) as running,
        psycopg.connect(running.environment["DATABASE_URL"]) as connection,
    ):
        assert connection.execute("SELECT to_regclass('old')").fetchone() == (None,)


def test_given_servers_are_used_and_none_is_started(state_dir, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://given/db")
    monkeypatch.setenv("REDIS_URL", "redis://given")
    monkeypatch.setattr(stack.external, "require_postgres", lambda url: "17.2")
    monkeypatch.setattr(stack.external, "require_redis", lambda url: "7.0.15")

    with Stack(servers_only(state_dir)) as running:
        assert running.pids() == {}
        assert running.environment["DATABASE_URL"] == "postgres://given/db"
        assert running.environment["REDIS_URL"] == "redis://given"


def test_without_a_key_no_call_can_reach_a_real_provider(state_dir, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Stack(servers_only(state_dir)) as running:
        assert running.environment["OPENAI_API_KEY"] == "simulated"
        assert running.environment["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("url", ["postgres://x@127.0.0.1:1/x", "mysql://127.0.0.1/x", "nonsense"])
def test_an_unreachable_postgresql_is_one_sentence(url):
    with pytest.raises(LocalFailure, match=r"^The PostgreSQL in DATABASE_URL cannot be used: .+"):
        external.require_postgres(url)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "http://127.0.0.1"])
def test_an_unreachable_redis_is_one_sentence(url):
    with pytest.raises(LocalFailure, match=r"^The Redis in REDIS_URL cannot be used: .+"):
        external.require_redis(url)


class Connection:
    def __init__(self, version: int) -> None:
        self.info = SimpleNamespace(server_version=version)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_an_old_postgresql_is_one_sentence(monkeypatch):
    monkeypatch.setattr(external.psycopg, "connect", lambda url, connect_timeout: Connection(140012))
    with pytest.raises(LocalFailure, match="has version 14; 15 or newer is needed"):
        external.require_postgres("postgres://given")

    monkeypatch.setattr(external.psycopg, "connect", lambda url, connect_timeout: Connection(150004))
    assert external.require_postgres("postgres://given") == "15.4"


def test_reset_never_touches_a_given_database(monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "postgres://given/db")

    assert local.main(["up", "--reset"]) == 1

    assert capsys.readouterr().err.startswith("--reset clears private data only")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "No space left on device"), "The disk is full: free some space and start again."),
        (PermissionError(13, "Permission denied", "/x"), "/x cannot be written:"),
    ],
)
def test_a_full_disk_and_a_foreign_directory_are_one_sentence(monkeypatch, capsys, error, sentence):
    monkeypatch.setattr(up, "up", Mock(side_effect=error))

    assert local.main(["up"]) == 1
    assert capsys.readouterr().err.startswith(sentence)


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_a_port_that_cannot_be_is_refused(port, capsys):
    with pytest.raises(SystemExit):
        local.main(["up", "--port", port])

    assert "ports are 1 to 65535" in capsys.readouterr().err


def test_down_without_up_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(up, "STATE_DIR", tmp_path)

    assert local.main(["down"]) == 0
    assert capsys.readouterr().out == "Nothing is running.\n"


def test_what_the_demo_tells_stands_after_what_it_logged():
    logged = '{"level": "WARNING", "message": "slow"}\nplain words\n'
    assert stack._told(logged + '{\n  "acme": {"slug": "acme"}\n}\n') == {"acme": {"slug": "acme"}}
