import json
import os
import shutil
import socket
import stat
import subprocess
import sys

import pytest

from config.local import state as local_state
from config.local.failures import LocalFailure
from config.local.ports import free_port, require_free_port
from config.local.state import AlreadyRunning, State
from config.processes import ROOT

HOLD = """
import sys
from pathlib import Path
from config.local.state import State
with State(Path(sys.argv[1])).locked(url="http://127.0.0.1:8000"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path):
    return State(tmp_path)


@pytest.fixture
def holder(state):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(state.directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_a_second_start_is_told_who_runs_where(state, holder):
    with pytest.raises(AlreadyRunning) as refused, state.locked():
        pass

    assert str(refused.value).startswith(
        f"Steward is already running at http://127.0.0.1:8000 (process {holder.pid})"
    )
    assert state.holder().pid == holder.pid


def test_a_killed_holder_holds_nothing(state, holder):
    holder.kill()
    holder.wait()

    assert state.holder() is None
    with state.locked():
        pass


def test_secrets_are_readable_by_the_owner_only(state):
    state.save_environment({"SECRET_KEY": "x"})

    (file,) = state.directory.glob("env.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert state.load_environment() == {"SECRET_KEY": "x"}


def note_process(state, process):
    document = {"supervisor": 1, "processes": {"worker": {"pid": process.pid}}}
    state.processes_file.write_text(json.dumps(document))


def start_sleeper(state_dir):
    """Returns when it runs its own program: until then the system tells nothing of its environment."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"],
        env={**os.environ, "STATE_DIR": str(state_dir)},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    return process


def test_what_a_killed_supervisor_left_is_ended(state):
    left = start_sleeper(state.directory)
    note_process(state, left)

    names = state.end_leftovers()

    assert names == ["worker"]
    assert left.wait(timeout=5) < 0


def test_a_stranger_with_a_recorded_pid_is_left_alone(state):
    stranger = start_sleeper("/elsewhere")
    try:
        note_process(state, stranger)

        assert state.end_leftovers() == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_clearing_removes_everything_but_the_lock(state):
    (state.directory / "redis").mkdir()
    (state.directory / "redis" / "file").touch()
    (state.directory / "env.json").touch()
    with state.locked():
        state.clear()

    assert [entry.name for entry in state.directory.iterdir()] == ["lock"]


def test_a_full_disk_is_one_sentence_before_anything_starts(state, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))

    with pytest.raises(LocalFailure, match=r"The disk that holds .* is full: 200 MB must be free"):
        state.make()


def test_a_taken_port_is_one_sentence_with_another_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(LocalFailure, match=f"^Port {port} cannot be used .* --port {port + 1}$"):
            require_free_port("127.0.0.1", port)


def test_a_free_port_is_accepted():
    require_free_port("127.0.0.1", free_port())


def test_the_secret_key_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(local_state, "RUN_DIR", tmp_path)

    first = local_state.secret_key()

    assert len(first) >= 50
    assert local_state.secret_key() == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
