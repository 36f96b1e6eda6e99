"""A server of models on loopback that answers as a test says, and counts who came with which key."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings as product
from django.core.cache import caches

KEY = "sk-very-secret-0123456789-wxyz"


@dataclass
class Models:
    """`names`: what it lists; `body` instead of a list, `status` and `headers` as said."""

    url: str = ""
    names: list[str] = field(default_factory=lambda: ["llama3", "qwen3"])
    body: bytes | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    is_silent: bool = False

    def answer(self) -> bytes:
        rows = [{"id": name, "object": "model"} for name in self.names]
        return json.dumps({"object": "list", "data": rows}).encode() if self.body is None else self.body


@pytest.fixture
def server(settings) -> Iterator[Models]:
    """Private hosts are allowed while it runs."""
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = True
    caches[product.RATELIMIT_USE_CACHE].clear()
    models = Models()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            models.asked.append((self.path, self.headers["authorization"]))
            if models.is_silent:
                models.ended.wait(20)
                return
            body = models.answer()
            self.send_response(models.status)
            for name, value in {"content-length": str(len(body)), **models.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    models.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield models
    models.ended.set()
    server.shutdown()
    server.server_close()
    thread.join(5)
