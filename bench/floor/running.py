"""Starts the floor beside the stack: the same servers with the same numbers of processes and threads."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.wire import Address
from config.local.ports import free_port
from config.processes import ROOT

START_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Floor:
    address: Address
    pids: dict[str, int]


@contextmanager
def run_floor(*, key: str) -> Iterator[Floor]:
    port = free_port()
    environment = {**os.environ, "FLOOR_KEY": key}
    children = {
        name: subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        for name, command in (("floor web", _web(port)), ("floor worker", _worker()))
    }
    try:
        _wait(port)
        pids = {name: child.pid for name, child in children.items()}
        yield Floor(Address("127.0.0.1", port), pids)
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            child.wait(timeout=30)


def _web(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "bench.floor.application:application"),
        "--worker-class=uvicorn_worker.UvicornWorker",
        f"--workers={os.environ.get('WEB_CONCURRENCY') or 2}",
        f"--bind=127.0.0.1:{port}",
        "--no-control-socket",
        "--preload",
        "--log-level=warning",
        "--graceful-timeout=3",
    ]


def _worker() -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "--quiet", "--app=bench.floor.worker", "worker"),
        "--queues=floor",
        "--pool=threads",
        f"--concurrency={os.environ.get('LLM_CONCURRENCY') or 250}",
        "--hostname=floor@%h",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "--loglevel=WARNING",
    ]


def _wait(port: int) -> None:
    """Until the web side listens; the first calls wait for the worker by themselves."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the floor did not start")
