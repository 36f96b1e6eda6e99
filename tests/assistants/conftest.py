"""A worker without Celery: the simulated provider as a process, the engine of this process, and runs played on it."""

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import httpx2
import pytest
import uvicorn
from django.conf import settings
from django.db import connection

from accounts.permissions import Member, Principal
from assistants.chat import services as chat_services
from assistants.models import Run
from assistants.runs import attempts, housekeeping, hub, turns
from assistants.runs import engine as engine_module
from assistants.runs.engine import Engine
from assistants.runs.tasks import QUEUE, execute_run
from config import redis as redis_clients
from tenants.scope import WorkspaceRef, enter
from tests import factories
from tests.assistants import streams
from tests.factories import Person
from usage.models import Hold, LedgerEntry

PATIENCE_S = 20
SILENCE_S = 0.6


class Provider:
    """The simulated provider, and what it says it served."""

    def __init__(self, address: str) -> None:
        self.address = address

    def requests(self, run_id: UUID) -> list[dict]:
        """Its records of all attempts of a run, in order; waits until none is open."""
        return self._ended(lambda row: row["client_request_id"].startswith(f"{run_id}-"))

    def wait_idle(self) -> None:
        self._ended(lambda row: True)

    def _ended(self, is_meant: Callable[[dict], bool]) -> list[dict]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = httpx2.get(f"{self.address}/_sim/requests", timeout=5).json()["requests"]
            meant = [row for row in found if is_meant(row)]
            if all(row["ended_at"] for row in meant):
                return meant
            assert time.monotonic() < deadline, "a request of the provider never ended"
            time.sleep(0.02)


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """Quick, and the product is pointed at it before the engine starts."""
    command = [sys.executable, "-m", "assistants.simulator", "--port", "0", "--delay-ms", "0", "--rate", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert "http://127.0.0.1:" in line, line
        address = line.split()[-1]
        settings.OPENAI_BASE_URL = f"{address}/v1"
        settings.PROVIDER_SILENCE_TIMEOUT_S = SILENCE_S
        yield Provider(address)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture
def engine(provider, committed, monkeypatch) -> Iterator[Engine]:
    monkeypatch.setattr(attempts, "BACKOFF_S", 0.02)
    monkeypatch.setattr(turns, "WRITE_AGAIN_S", 0.05)
    monkeypatch.setattr(housekeeping, "TICK_S", 0.2)
    engine = engine_module.get_engine()
    yield engine
    streams.wait_until(lambda: not engine.live, "a run was left behind on the engine")


@dataclass
class Played:
    """Everything that a run left behind."""

    run: Run
    hold: Hold
    entries: list[LedgerEntry]
    requests: list[dict]
    events: list[tuple[str, dict]]

    @property
    def message_text(self) -> str:
        return self.run.message.text

    @property
    def said(self) -> str:
        return streams.said(self.events)


class Stage:
    """Asks in a workspace and plays a worker."""

    def __init__(self, workspace: WorkspaceRef, member: Member, provider: Provider, engine: Engine) -> None:
        self.workspace, self.member, self.provider, self.engine = workspace, member, provider, engine

    def ask(self, text: str, **fields) -> chat_services.Turn:
        with enter(self.workspace):
            return factories.ask(self.member, text, **fields)

    def execute(self, run: Run) -> None:
        turns.execute(workspace_id=self.workspace.id, run_id=run.id)

    def play(self, text: str, **fields) -> Played:
        turn = self.ask(text, **fields)
        self.execute(turn.run)
        return self.result(turn.run)

    def begin(self, turn: chat_services.Turn) -> Callable[[], Played]:
        """Executes in a thread; returns when the first text is there. The answer waits for the end."""
        thread = threading.Thread(target=self._execute_apart, args=[turn.run])
        thread.start()
        streams.wait_until(lambda: self.text_of(turn.run), "the run said nothing")

        def finish() -> Played:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the run did not end"
            return self.result(turn.run)

        return finish

    def _execute_apart(self, run: Run) -> None:
        try:
            self.execute(run)
        finally:
            connection.close()

    def text_of(self, run: Run) -> str:
        live = self.engine.live.get(run.id)
        return live.stream.text if live else ""

    def reload(self, run: Run) -> Run:
        with enter(self.workspace):
            return Run.objects.select_related("message", "assistant").get(id=run.id)

    def events(self, run: Run) -> list[tuple[str, dict]]:
        return [(event, data) for _, event, data in streams.entries(self.workspace.id, run.id)]

    def result(self, run: Run) -> Played:
        row = self.reload(run)
        if row.is_final:
            streams.wait_until(
                lambda: self.events(run)[-1:] and self.events(run)[-1][0] == "done", "no end was told"
            )
        return Played(
            run=row,
            hold=Hold.objects.get(id=run.id),
            entries=list(LedgerEntry.objects.filter(hold_id=run.id)),
            requests=self.provider.requests(run.id),
            events=self.events(run),
        )


@pytest.fixture(scope="session")
def laboratory(django_db_setup, django_db_blocker) -> Person:
    """Somebody with a workspace of their own: what runs commit there disturbs nobody."""
    with django_db_blocker.unblock():
        try:
            user = factories.make_user()
            workspace = factories.make_workspace(user)
            return Person(user, workspace, factories.member_of(workspace, user))
        finally:
            connection.close()


@pytest.fixture
def stage(laboratory, provider, engine) -> Stage:
    return Stage(laboratory.workspace, laboratory.member, provider, engine)


class Worker:
    """Takes runs off the queue as a Celery worker does, each in a thread."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="worker")
        self._thread = threading.Thread(target=self._consume, name="queue", daemon=True)

    def start(self) -> None:
        redis_clients.client().delete(QUEUE)
        self._thread.start()

    def _consume(self) -> None:
        while not self._ended.is_set():
            found = redis_clients.client().brpop([QUEUE], timeout=0.1)
            if found is not None:
                _, kwargs, _ = json.loads(base64.b64decode(json.loads(found[1])["body"]))
                self._pool.submit(self._execute, kwargs)

    @staticmethod
    def _execute(kwargs: dict[str, str]) -> None:
        try:
            execute_run(**kwargs)
        finally:
            connection.close()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(PATIENCE_S)
        self._pool.shutdown()


@pytest.fixture
def worker(engine) -> Iterator[Worker]:
    worker = Worker()
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture(scope="session")
def web(django_db_setup) -> Iterator[str]:
    """The product's ASGI application behind a real server in a thread; its address."""
    from config.asgi import application

    config = uvicorn.Config(application, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    streams.wait_until(lambda: server.started, "the web server did not start")
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = server.force_exit = True
    thread.join(PATIENCE_S)


@pytest.fixture
def principal(cast, committed, monkeypatch) -> Principal:
    """Somebody who may watch, through a hub whose clocks are quick."""
    monkeypatch.setattr(hub, "FIRST_DOUBT_S", 0.3)
    monkeypatch.setattr(hub, "HEARTBEAT_S", 0.3)
    monkeypatch.setattr(hub, "GATHER_S", 0.02)
    monkeypatch.setattr(hub, "REVOCATION_CHECK_S", 0.1)
    return cast.owner.member.principal
