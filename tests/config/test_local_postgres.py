import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from config.local import postgres, postgres_binaries
from config.local.children import Child
from config.local.failures import LocalFailure
from config.local.output import Output
from config.local.supervisor import Supervisor


@pytest.fixture
def empty_dir():
    """Short, so that a socket file fits, and passable for the account that runs PostgreSQL."""
    directory = Path(tempfile.mkdtemp(prefix="steward-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def made():
    """A state directory with data, made once: initdb takes longest."""
    directory = Path(tempfile.mkdtemp(prefix="steward-", dir="/tmp"))
    directory.chmod(0o755)
    postgres.prepare_postgres(directory, durable=False)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def state_dir(made, empty_dir):
    subprocess.run(["cp", "-Rp", str(made / "postgres"), str(empty_dir)], check=True)
    return empty_dir


@pytest.fixture
def supervisor():
    supervisor = Supervisor(Output(), on_change=lambda children: None)
    yield supervisor
    supervisor.stop()


def start(supervisor: Supervisor, server: postgres.PostgresServer) -> Child:
    (child,) = supervisor.start([server.service()])
    supervisor.wait_ready([child], timeout=30)
    return child


def test_a_new_server_lower_cases_all_letters_and_is_reached_by_its_socket_file(state_dir, supervisor):
    server = postgres.prepare_postgres(state_dir, durable=False)
    start(supervisor, server)

    with psycopg.connect(server.url()) as connection:
        row = connection.execute("SELECT lower('ÀÉÖΩ'), current_database(), inet_server_port()").fetchone()

    assert row == ("àéöω", "steward", None)


def test_the_password_is_required(state_dir, supervisor):
    server = postgres.prepare_postgres(state_dir, durable=False, loopback=True)
    start(supervisor, server)
    password = (server.home / "password").read_text()

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url().replace(password, "guess"))


def test_data_outlives_a_killed_server(state_dir, supervisor):
    server = postgres.prepare_postgres(state_dir, durable=True)
    child = start(supervisor, server)
    with psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    child.process.kill()
    child.process.wait()

    start(supervisor, postgres.prepare_postgres(state_dir, durable=True))

    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_strangers_pid_in_the_pid_file_does_not_keep_it_from_starting(state_dir, supervisor):
    """PostgreSQL alone refuses: the pid belongs to a living process of the same account."""
    server = postgres.prepare_postgres(state_dir, durable=False)
    stranger = subprocess.Popen(["/bin/sleep", "60"], **(server.account.run_as() if server.account else {}))
    try:
        (server.data / "postmaster.pid").write_text(f"{stranger.pid}\n{server.data}\n")

        start(supervisor, server)

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_left_by_a_killed_supervisor_is_stopped_first(state_dir, supervisor):
    server = postgres.prepare_postgres(state_dir, durable=False)
    left = start(Supervisor(Output(), on_change=lambda children: None), server)

    child = start(supervisor, server)

    assert left.process.wait(timeout=5) == 0
    assert child.is_running()


def test_data_of_another_version_is_refused_with_what_to_do(state_dir):
    server = postgres.prepare_postgres(state_dir, durable=False)
    (server.data / "PG_VERSION").write_text("14\n")

    with pytest.raises(LocalFailure, match=r"made by PostgreSQL 14, .* begin anew with --reset"):
        postgres.prepare_postgres(state_dir, durable=False)


def test_an_interrupted_first_start_is_repeated(empty_dir):
    (empty_dir / "postgres" / "data.unfinished" / "base").mkdir(parents=True)

    server = postgres.prepare_postgres(empty_dir, durable=False)

    assert (server.data / "PG_VERSION").exists()


def test_stopping_is_a_fast_shutdown(state_dir, supervisor):
    server = postgres.prepare_postgres(state_dir, durable=False)
    child = start(supervisor, server)
    with psycopg.connect(server.url()):
        supervisor.stop()

    assert child.process.returncode == 0
    assert not (server.data / "postmaster.pid").exists()


def test_a_path_too_long_for_a_socket_file_means_a_port(state_dir, supervisor):
    deep = state_dir / ("d" * 90)
    deep.mkdir(mode=0o755)
    (state_dir / "postgres").rename(deep / "postgres")

    server = postgres.prepare_postgres(deep, durable=False)
    start(supervisor, server)

    assert f"@127.0.0.1:{server.port}/" in server.url()


def test_binaries_that_the_account_cannot_reach_are_copied(empty_dir, monkeypatch):
    found = postgres_binaries.find_postgres()
    if found.directory.parent != postgres_binaries.package_tree():
        pytest.skip("the pip package with PostgreSQL is not installed here")
    monkeypatch.setattr(postgres_binaries, "PUBLIC_ROOT", empty_dir)

    class Barred:
        def can_reach(self, path: Path) -> bool:
            return False

    copied = postgres_binaries.reachable_by(Barred(), found)

    assert copied.directory.is_relative_to(empty_dir)
    assert postgres_binaries.read_version(copied.directory) == replace(found, directory=copied.directory)


def test_a_machine_without_postgresql_gets_one_sentence(monkeypatch):
    monkeypatch.setattr(postgres_binaries, "_candidates", lambda: iter(()))

    with pytest.raises(LocalFailure, match="There is no PostgreSQL for this machine"):
        postgres_binaries.find_postgres()


def test_the_command_line_decides_whether_a_pid_is_ours(empty_dir):
    data = empty_dir / "data"
    data.mkdir()
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n")

    postgres.end_leftover(data)

    assert not (data / "postmaster.pid").exists()
    assert psutil.pid_exists(os.getpid())


def test_a_server_that_ignores_the_signal_is_killed(empty_dir):
    """Also shows that only the data directory on the command line makes a process ours."""
    deaf = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", deaf, str(empty_dir)], stdout=subprocess.PIPE)
    process.stdout.readline()

    gone = postgres.leftovers.end([psutil.Process(process.pid)], first=signal.SIGINT, grace=0.2)

    assert gone
    assert process.wait(timeout=5) == -signal.SIGKILL
