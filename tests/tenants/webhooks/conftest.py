"""Receivers on loopback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tenants.webhooks import delivery, emission


class Receiver(ThreadingHTTPServer):
    """Keeps what it got. `answer`: (status, headers); `hangs` until it is set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[tuple[dict[str, str], str]] = []
        self.answer: tuple[int, dict[str, str]] = (200, {})
        self.goes_on, self.reached = threading.Event(), threading.Event()
        self.goes_on.set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.got.append((dict(self.headers), body))
        self.server.reached.set()
        self.server.goes_on.wait(20)
        status, headers = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"seen\0" + b"x" * 9000)

    def log_message(self, *args):
        pass


@pytest.fixture
def receivers() -> Iterator:
    made: list[Receiver] = []

    def make() -> Receiver:
        made.append(Receiver())
        threading.Thread(target=made[-1].serve_forever, args=(0.01,), daemon=True).start()
        return made[-1]

    yield make
    for server in made:
        server.goes_on.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def open_loopback(settings, monkeypatch):
    settings.WEBHOOKS_ALLOW_PRIVATE_HOSTS = True
    monkeypatch.setattr(emission, "wake", lambda endpoint_id: None)
    monkeypatch.setattr(delivery, "wake", lambda endpoint_id: None)
