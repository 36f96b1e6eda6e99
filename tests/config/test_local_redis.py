import os
import stat
import tempfile
from pathlib import Path

import pytest
import redis

from config.local import redis_server
from config.local.failures import LocalFailure
from config.local.output import Output
from config.local.supervisor import Supervisor


@pytest.fixture
def supervisor():
    supervisor = Supervisor(Output(), on_change=lambda children: None)
    yield supervisor
    supervisor.stop()


@pytest.fixture
def state_dir():
    with tempfile.TemporaryDirectory(prefix="steward-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def path(tmp_path, monkeypatch):
    """An empty PATH directory; the pip package's binary is out of reach."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_server.importlib.util, "find_spec", lambda name: None)
    return tmp_path


def put_server(directory: Path, name: str, version: str) -> str:
    program = directory / name
    program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0 bits=64'\n")
    program.chmod(0o755)
    return str(program)


def start(supervisor, server):
    supervisor.wait_ready(supervisor.start([server.service()]), timeout=20)


def test_the_machines_own_redis_is_taken_before_valkey(path):
    put_server(path, "valkey-server", "8.0.1")
    own = put_server(path, "redis-server", "7.0.15")

    assert redis_server.find_redis() == (own, (7, 0, 15))


def test_a_server_that_is_too_old_is_passed_over(path):
    put_server(path, "redis-server", "6.0.16")
    newer = put_server(path, "valkey-server", "7.2.5")

    assert redis_server.find_redis() == (newer, (7, 2, 5))


def test_a_program_that_does_not_run_is_passed_over(path):
    (path / "redis-server").write_text("not a program")
    (path / "redis-server").chmod(0o755)

    assert redis_server.find_redis() is None


def test_no_server_at_all_is_one_sentence_with_what_to_do(path, state_dir):
    with pytest.raises(LocalFailure, match="install redis-server or valkey-server"):
        redis_server.prepare_redis(state_dir, durable=True)


def test_only_the_owner_reaches_the_socket_file(state_dir, supervisor):
    server = redis_server.prepare_redis(state_dir, durable=False)
    if not server.url.startswith("unix://"):
        pytest.skip("this machine has only the stand-in, which has no socket file")
    start(supervisor, server)

    mode = stat.S_IMODE((state_dir / "redis.sock").stat().st_mode)

    assert mode & (stat.S_IRWXG | stat.S_IRWXO) == 0


def test_on_a_port_a_password_is_required(state_dir, supervisor):
    server = redis_server.prepare_redis(state_dir, durable=False, loopback=True)
    if redis_server.find_redis() is None:
        pytest.skip("this machine has only the stand-in, which has no password")
    start(supervisor, server)
    address = server.url.rpartition("@")[2]

    with redis.Redis.from_url(f"redis://{address}") as client, pytest.raises(redis.AuthenticationError):
        client.ping()

    configuration = next(state_dir.glob("redis/*/redis.conf"))
    assert stat.S_IMODE(os.stat(configuration).st_mode) == 0o600


def test_durable_data_outlives_a_killed_server(state_dir, supervisor):
    server = redis_server.prepare_redis(state_dir, durable=True)
    if redis_server.find_redis() is None:
        pytest.skip("this machine has only the stand-in, which keeps nothing")
    (child,) = supervisor.start([server.service()])
    supervisor.wait_ready([child])
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", "yes")
    child.process.kill()
    child.process.wait()

    start(supervisor, server)

    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"yes"
