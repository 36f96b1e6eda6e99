"""The command of every process: one source for a bare machine and for containers.

``python -m config.processes NAME`` becomes that process. ``healthy NAME`` exits with 0 when the
process NAME of this host answers. Standard library only; numbers come from the environment.
"""

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("web", "worker-llm", "worker", "beat", "simulator", "migrate")
WORKER_QUEUES = {"worker-llm": "llm", "worker": "default,billing,documents"}


def commands(name: str, environ: Mapping[str, str]) -> list[list[str]]:
    """The commands that make up process ``name``, in order; the last one is the process itself."""
    if name == "web":
        return [_web(environ)]
    if name == "worker-llm":
        return [_worker(name, environ, threads=environ.get("LLM_CONCURRENCY") or "250")]
    if name == "worker":
        return [_worker(name, environ, threads="4")]
    if name == "beat":
        return [_beat(environ)]
    if name == "simulator":
        port = environ["SIMULATOR_PORT"]
        return [[*_python("assistants.simulator"), "--host", "127.0.0.1", "--port", port]]
    if name == "migrate":
        # Plans reckon with prices, and the demo's workspaces begin with a plan.
        first = [manage("migrate_all"), manage("load_prices"), manage("sync_plans", "--if-reachable")]
        return [*first, manage("demo", "--seed")] if environ.get("DEMO") == "1" else first
    raise ValueError(f"No process is called {name!r}; there are: {', '.join(NAMES)}.")


def manage(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _web(environ: Mapping[str, str]) -> list[str]:
    host = environ.get("HOST") or "127.0.0.1"
    port = environ.get("PORT") or "8000"
    return [
        *_python("gunicorn"),
        "config.asgi:application",
        "--worker-class=uvicorn_worker.UvicornWorker",
        f"--workers={environ.get('WEB_CONCURRENCY') or 2}",
        f"--bind={host}:{port}",
        # gunicorn would otherwise open its control socket below the home directory
        "--no-control-socket",
        # imported once, so that a crashed worker is replaced within milliseconds
        "--preload",
        f"--graceful-timeout={environ.get('WEB_GRACEFUL_TIMEOUT') or 10}",
    ]


def _worker(name: str, environ: Mapping[str, str], *, threads: str) -> list[str]:
    return [
        *_python("celery"),
        "--quiet",  # no banner
        "--app=config",
        "worker",
        f"--queues={WORKER_QUEUES[name]}",
        "--pool=threads",
        f"--concurrency={threads}",
        f"--hostname={_node_prefix(name, environ)}@%h",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "--loglevel=INFO",
    ]


def _node_prefix(name: str, environ: Mapping[str, str]) -> str:
    """Celery nodes of one host need different names; containers differ by host already."""
    kind = "llm" if name == "worker-llm" else "worker"
    return f"{kind}-{environ.get('WORKER_NUMBER') or 1}"


def _beat(environ: Mapping[str, str]) -> list[str]:
    schedule = Path(environ.get("STATE_DIR") or ".run") / "beat-schedule"
    return [
        *_python("celery"),
        "--quiet",  # no banner
        "--app=config",
        "beat",
        f"--schedule={schedule}",
        # a pid file left by a killed beat would keep the next one from starting
        "--pidfile=",
        "--loglevel=INFO",
    ]


def is_healthy(name: str, environ: Mapping[str, str]) -> bool:
    """Ask the process ``name`` on this host; used as the container's health check."""
    if name == "web":
        url = f"http://127.0.0.1:{environ.get('PORT') or 8000}/health"
        try:
            with urllib.request.urlopen(url, timeout=3) as response:
                return bool(response.status == 200)
        except OSError:
            return False
    node = f"{_node_prefix(name, environ)}@{socket.gethostname()}"
    ping = [*_python("celery"), "--app=config", "inspect", "ping", f"--destination={node}"]
    answer = subprocess.run(ping, stdout=subprocess.DEVNULL, timeout=20, check=False)  # noqa: S603  our own command
    return answer.returncode == 0


def main(arguments: list[str]) -> int:
    if len(arguments) == 2 and arguments[0] == "healthy" and arguments[1] in {"web", *WORKER_QUEUES}:
        return 0 if is_healthy(arguments[1], os.environ) else 1
    if len(arguments) != 1 or arguments[0] not in NAMES:
        sys.stderr.write(f"Usage: python -m config.processes {{{'|'.join(NAMES)}}}\n")
        return 2
    *first, last = commands(arguments[0], os.environ)
    for command in first:
        code = subprocess.run(command, check=False).returncode  # noqa: S603  our own command
        if code:
            return code
    return _become(last)


def _become(command: list[str]) -> NoReturn:
    os.execv(command[0], command)  # noqa: S606  our own command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
