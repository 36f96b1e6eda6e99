"""The whole product on one machine, started from Python.

with Stack(Options(state_dir=Path(".run/bench"), llm_workers=2)) as stack:
    stack.url, stack.environment, stack.pids()["worker-llm-2"]
"""

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from config import processes
from config.local import external, leftovers, stamps
from config.local.children import Child, Service
from config.local.output import Output
from config.local.ports import LOOPBACK, free_port, require_free_port
from config.local.postgres import prepare_postgres
from config.local.redis_server import prepare_redis
from config.local.state import State, secret_key
from config.local.supervisor import Supervisor

WATCH_S = 0.2
CELERY_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"
SIMULATED_KEY = "simulated"
OWN_MACHINE = ("127.0.0.1", "localhost", "::1")
NO_PROVIDER = f"http://{LOOPBACK}:9/v1"
"""The discard port: a call without a provider fails at once and never leaves the machine."""


@dataclass(frozen=True)
class Options:
    state_dir: Path
    host: str = LOOPBACK
    port: int = 0
    """0: any free one."""
    demo: bool = True
    durable: bool = True
    """False for throw-away data: PostgreSQL does not wait for the disk, Redis keeps nothing."""
    llm_workers: int = 1
    simulated: bool = False
    """Use the simulated provider and simulated payments even when keys are set."""
    application: bool = True
    """False: PostgreSQL and Redis only."""
    loopback: bool = False
    """Reach PostgreSQL and Redis by a port also where socket files would do."""
    reset: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    """More variables for the product's processes."""


class Stack:
    """Processes by name: postgres, redis, simulator, web, worker-llm (worker-llm-2, …), worker, beat.

    ``start`` must be called by a thread that outlives the stack (see ``Child``).
    """

    def __init__(self, options: Options, output: Output | None = None) -> None:
        self.options = options
        self.state = State(options.state_dir.resolve())
        self.port = options.port or (free_port() if options.application else 0)
        self.url = f"http://{options.host}:{self.port}" if options.application else ""
        self.environment: dict[str, str] = {}
        self.output = output or Output(self.state.log)
        self.supervisor = Supervisor(self.output, on_change=self._save_processes)
        self._held = ExitStack()
        self._holds_lock = False

    def start(self) -> None:
        """Returns when everything is ready; raises ``LocalFailure`` with nothing left running."""
        if self.options.application:
            require_free_port(self.options.host, self.port)
        self.state.make()
        self._held.enter_context(self.state.locked(url=self.url))
        self._holds_lock = True
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        for name in self.state.end_leftovers():
            self.output.say(f"{name} was left running by an earlier start and has been ended.")
        self.state.forget_running()
        if self.options.reset:
            self.state.clear()
        self.environment = self._base_environment()
        self._start_data_servers()
        if self.options.application:
            self._start_application()
        self.state.save_environment(self._own_variables())

    def _base_environment(self) -> dict[str, str]:
        options = self.options
        environment = {**os.environ, leftovers.MARK: str(self.state.directory), "SECRET_KEY": secret_key()}
        environment |= {
            "MAIL_DIR": str(self.state.directory / "mail"),
            "STATIC_ROOT": str(self.state.directory / "static"),
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings.base",
            "DEMO": "1" if options.demo else "0",
        }
        if options.application:
            environment |= {"HOST": options.host, "PORT": str(self.port)}
            environment.setdefault("BASE_URL", self.url)
            if options.host in OWN_MACHINE:
                # One's own machine: models of Ollama and the like run beside it.
                environment.setdefault("PROVIDERS_ALLOW_PRIVATE_HOSTS", "1")
                environment.setdefault("WEBHOOKS_ALLOW_PRIVATE_HOSTS", "1")
        if not environment.get("OPENAI_API_KEY") or options.simulated:
            environment |= {"OPENAI_API_KEY": SIMULATED_KEY, "OPENAI_BASE_URL": NO_PROVIDER}
        if not environment.get("STRIPE_SECRET_KEY") or options.simulated:
            environment |= {"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": "", "STRIPE_SIMULATED": "1"}
        # Celery warns root at length, at every start of a worker
        environment["PYTHONWARNINGS"] = (
            f"{CELERY_ROOT_WARNING},{os.environ.get('PYTHONWARNINGS', '')}".rstrip(",")
        )
        for name, value in (("LOG_FORMAT", "text"), ("WEB_GRACEFUL_TIMEOUT", "3")):
            environment.setdefault(name, value)
        return environment | dict(options.environment)

    def _own_variables(self) -> dict[str, str]:
        """What other commands need to work on this stack: what we set, not the person's whole environment."""
        return {name: value for name, value in self.environment.items() if os.environ.get(name) != value}

    def _start_data_servers(self) -> None:
        services = []
        if url := os.environ.get("DATABASE_URL"):
            self.output.say(f"PostgreSQL {external.require_postgres(url)} of DATABASE_URL.")
        else:
            postgres = prepare_postgres(
                self.state.directory, durable=self.options.durable, loopback=self.options.loopback
            )
            self.environment["DATABASE_URL"] = postgres.url()
            services.append(postgres.service())
            self.output.say(f"PostgreSQL {postgres.binaries.version} in {postgres.home}")
        if url := os.environ.get("REDIS_URL"):
            self.output.say(f"Redis {external.require_redis(url)} of REDIS_URL.")
        else:
            redis = prepare_redis(
                self.state.directory, durable=self.options.durable, loopback=self.options.loopback
            )
            self.environment["REDIS_URL"] = redis.url
            services.append(redis.service())
            self.output.say(f"Redis: {redis.description}")
        children = self.supervisor.start(services)
        self.supervisor.wait_ready(children)

    def _start_application(self) -> None:
        simulator = self._simulator()
        self._prepare()
        # Not before: demo data is of no provider, and the simulator's books begin when it starts.
        started = self.supervisor.start([*simulator, *self._application_services()])
        self.supervisor.wait_ready(started)
        self.supervisor.start([self._service("beat", *processes.commands("beat", self.environment))])

    def _prepare(self) -> None:
        """Migrate, load demo data and collect static files, side by side, unless nothing changed."""
        static = stamps.static_files(self.state.directory)
        code = stamps.code(self.state.directory, demo=self.options.demo)
        collecting = None if static.is_current() else self.supervisor.begin(self._collect_static())
        if "DATABASE_URL" in os.environ or not code.is_current():
            self.output.say("Migrating the database …")
            *migrations, fill = processes.commands("migrate", self.environment)
            for command in migrations:
                self.supervisor.run(self._service("migrate", command))
            if self.options.demo:
                self.output.say("Loading demo data …")
                self.state.save_demo(_told(self.supervisor.run(self._demo())))
            else:
                self.supervisor.run(self._service("migrate", fill))
            code.set()
        if collecting:
            self.supervisor.finish(collecting)
            static.set()

    def _simulator(self) -> list[Service]:
        if self.environment["OPENAI_API_KEY"] != SIMULATED_KEY:
            return []
        port = free_port()
        address = f"http://{LOOPBACK}:{port}"
        self.environment |= {
            "SIMULATOR_PORT": str(port),
            "SIMULATOR_URL": address,
            "OPENAI_BASE_URL": f"{address}/v1",
            "PROVIDER_NOTICE": "Simulated provider",
            "EMBEDDING_MODEL": self.environment.get("EMBEDDING_MODEL", "text-embedding-3-small"),
            "PROVIDER_REPORT_URL": f"{address}/_sim/counters",
        }
        (command,) = processes.commands("simulator", self.environment)
        return [self._service("simulator", command, ready_text="Simulated model provider on")]

    def _application_services(self) -> list[Service]:
        (web,) = processes.commands("web", self.environment)
        services = [self._service("web", web, ready=lambda: _answers(f"{self.url}/ready"))]
        for number in range(1, self.options.llm_workers + 1):
            name = "worker-llm" if number == 1 else f"worker-llm-{number}"
            services.append(self._worker(name, "worker-llm", number=number))
        services.append(self._worker("worker", "worker", number=1))
        return services

    def _collect_static(self) -> Service:
        return self._service("static", processes.manage("collectstatic", "--noinput", "--verbosity=0"))

    def _demo(self) -> Service:
        """Loads the data unless it is there, and says who can sign in."""
        return self._service("demo", processes.manage("demo", "--json"), confidential=True)

    def _worker(self, name: str, process: str, *, number: int) -> Service:
        environment = {**self.environment, "WORKER_NUMBER": str(number)}
        (command,) = processes.commands(process, environment)
        return self._service(name, command, ready_text=self._worker_ready_text())

    def _worker_ready_text(self) -> str | None:
        """Celery says so in its log only; with a quieter log a worker counts as ready at once."""
        level = self.environment.get("LOG_LEVEL") or "INFO"
        return " ready." if level.upper() in {"DEBUG", "INFO"} else None

    def _service(self, name: str, command: list[str], **more: object) -> Service:
        return Service(name=name, command=tuple(command), environment=self.environment, **more)  # type: ignore[arg-type]

    def _save_processes(self, children: list[Child]) -> None:
        self.state.save_processes(children, url=self.url)

    def pids(self) -> dict[str, int]:
        """Of what runs now. A restarted process has a new one."""
        running = (child for child in self.supervisor.children if child.is_running())
        return {child.name: child.pid for child in running if child.pid}

    def watch(self) -> None:
        """Start crashed processes again until a stop is requested."""
        while not self.supervisor.stop_requested.wait(WATCH_S):
            self.supervisor.watch_once()

    def request_stop(self) -> None:
        """Safe in a signal handler; ``watch`` and ``start`` return soon."""
        self.supervisor.stop_requested.set()

    def stop(self) -> None:
        self.supervisor.stop()
        if self._holds_lock:
            self.state.forget_running()
        self._holds_lock = False
        self._held.close()

    def __enter__(self) -> Self:
        self.start()
        self._watcher = threading.Thread(target=self.watch, name="stack-watch", daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._watcher.join(timeout=10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310  our own http:// address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _told(output: str) -> dict[str, Any]:
    """The object that the demo prints last, indented; whatever was logged meanwhile stands before it."""
    found: dict[str, Any] = json.JSONDecoder().raw_decode(output[output.index("{\n") :])[0]
    return found
