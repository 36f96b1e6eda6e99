import os
import signal
import subprocess
import sys
import time
from io import StringIO

import psutil
import pytest

from config.local import children
from config.local.children import Service
from config.local.failures import LocalFailure, StopRequested
from config.local.output import Output
from config.local.supervisor import Supervisor
from config.processes import ROOT

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
WITH_GRANDCHILD = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    f"print('grandchild', child.pid, flush=True); {SLEEP}"
)


def service(name: str, code: str, **more) -> Service:
    more = {"ready_text": "up", "grace": 5} | more
    return Service(name=name, command=(sys.executable, "-c", code), environment=os.environ, **more)


@pytest.fixture
def console():
    return StringIO()


@pytest.fixture
def supervisor(console, monkeypatch):
    monkeypatch.setattr(children, "FIRST_DELAY_S", 0.05)
    supervisor = Supervisor(Output(console=console), on_change=lambda children: None)
    yield supervisor
    supervisor.stop()


def start(supervisor, *services):
    started = supervisor.start(services)
    supervisor.wait_ready(started, timeout=20)
    return started


def watch_until(supervisor, condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        supervisor.watch_once()
        time.sleep(0.01)


def test_lines_stand_behind_the_name_of_their_process(supervisor, console):
    start(supervisor, service("one", SLEEP), service("another", SLEEP))

    assert sorted(console.getvalue().splitlines()) == ["another     | up", "one         | up"]


def test_a_killed_process_is_started_again(supervisor, console):
    (child,) = start(supervisor, service("worker", SLEEP))
    killed = child.pid
    os.kill(killed, signal.SIGKILL)

    watch_until(supervisor, lambda: child.is_running() and child.pid != killed)

    assert "worker ended unexpectedly (signal 9); it is started again in 0.05 s." in console.getvalue()


def test_a_process_that_keeps_crashing_is_started_ever_more_rarely(supervisor, console):
    (child,) = supervisor.start([service("broken", "raise SystemExit(3)")])

    watch_until(supervisor, lambda: child.failures == 3)

    waits = [
        line.rpartition(" again in ")[2] for line in console.getvalue().splitlines() if "again in" in line
    ]
    assert waits == ["0.05 s.", "0.1 s.", "0.2 s."]


def test_what_a_killed_process_started_is_ended_before_the_restart(supervisor, console):
    (child,) = start(supervisor, service("web", WITH_GRANDCHILD))
    grandchild = psutil.Process(int(console.getvalue().split("grandchild ")[1].split()[0]))
    os.kill(child.pid, signal.SIGKILL)
    child.process.wait()
    assert grandchild.is_running()

    supervisor.watch_once()

    psutil.wait_procs([grandchild], timeout=5, callback=None)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_stopping_ends_children_and_grandchildren(supervisor, console):
    (child,) = start(supervisor, service("web", WITH_GRANDCHILD))
    grandchild = psutil.Process(int(console.getvalue().split("grandchild ")[1].split()[0]))

    supervisor.stop()

    assert child.process.returncode == -signal.SIGTERM
    time.sleep(0.05)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_ignores_the_request_is_killed_after_its_grace(supervisor, console):
    (child,) = start(supervisor, service("deaf", DEAF, grace=0.2))

    supervisor.stop()

    assert child.process.returncode == -signal.SIGKILL
    assert "deaf did not stop within" in console.getvalue()


def test_what_was_started_first_is_stopped_last(supervisor, tmp_path):
    note = tmp_path / "ends"

    def noting(name: str) -> str:
        end = f"sys.exit(open({str(note)!r}, 'a').write('{name} ') and 0)"
        return f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: {end}); {SLEEP}"

    start(supervisor, service("database", noting("database")))
    start(supervisor, service("web", noting("web")))

    supervisor.stop()

    assert note.read_text() == "web database "


def test_a_process_that_ends_while_starting_is_quoted(supervisor):
    started = supervisor.start([service("web", "print('no such table'); raise SystemExit(1)")])

    with pytest.raises(
        LocalFailure, match=r"web ended while it was started \(exit code 1\)[^$]*no such table"
    ):
        supervisor.wait_ready(started, timeout=20)


def test_a_full_disk_is_said_in_one_sentence(supervisor):
    code = "print('could not write: No space left on device'); raise SystemExit(1)"
    started = supervisor.start([service("postgres", code)])

    with pytest.raises(LocalFailure, match="The disk is full: free some space and start again"):
        supervisor.wait_ready(started, timeout=20)


def test_a_process_that_never_gets_ready_is_named(supervisor):
    started = supervisor.start([service("web", SLEEP, ready_text="never printed")])

    with pytest.raises(LocalFailure, match="web was not ready after 0 s"):
        supervisor.wait_ready(started, timeout=0.2)


def test_a_signal_during_the_start_stops_it(supervisor):
    started = supervisor.start([service("web", SLEEP, ready_text="never printed")])
    supervisor.stop_requested.set()

    with pytest.raises(StopRequested):
        supervisor.wait_ready(started, timeout=20)


def test_confidential_output_is_returned_and_shown_nowhere(supervisor, console):
    text = supervisor.run(service("demo", "print('password')", confidential=True))

    assert text == "password"
    assert console.getvalue() == ""


def test_a_failed_step_raises(supervisor):
    with pytest.raises(LocalFailure, match="migrate failed"):
        supervisor.run(service("migrate", "raise SystemExit(1)"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no signal for a parent's death")
def test_a_killed_supervisor_takes_its_processes_along():
    code = f"""
import sys, time
from config.local.children import Service
from config.local.output import Output
from config.local.supervisor import Supervisor
supervisor = Supervisor(Output(), on_change=lambda children: None)
(child,) = supervisor.start([Service("x", (sys.executable, "-c", {SLEEP!r}), {{}}, ready_text="up")])
supervisor.wait_ready([child])
print(child.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()

    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 5
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
