"""A receiver of webhooks on loopback: notes what comes, and answers as a test tells it to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """`refuses`: event id → status for it, instead of 200."""

    url: str = ""
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    refuses: dict[str, int] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for _, body in self.requests]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append((self.headers["Stripe-Signature"], body))
            status = receiver.refuses.get(json.loads(body)["id"], 200)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/stripe/"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
