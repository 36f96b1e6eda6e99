"""The door over HTTP: the same wire protocol on loopback, for the SDK of any language and for end-to-end tests."""

import base64
import binascii
import hmac
import json
import logging
import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.db import connections

from billing.simulator.transport import InProcessClient

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
MOST_BYTES = 1024 * 1024
IDLE_TIMEOUT_S = 30
# Of this connection only; what the answer says itself is passed on.
NOT_PASSED_ON = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding"}
)


class Refused(Exception):  # noqa: N818  reads as what happened
    """Not let in: a status and an error as Stripe words it."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": "invalid_request_error", "message": message}}


class Door(ThreadingHTTPServer):
    """Listens on loopback only. `port` 0 takes a free one, `url` says which."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__((LOOPBACK, port), Caller)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"


class Caller(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "SimulatedStripe"
    sys_version = ""
    timeout = IDLE_TIMEOUT_S

    def do_GET(self) -> None:  # noqa: N802  the standard library's name
        self._serve()

    do_POST = do_DELETE = do_GET  # noqa: N815

    def _serve(self) -> None:
        try:
            body = self._read_body()
            require_key(self.headers.get("Authorization", ""))
            status, content, headers = self._ask(body)
        except Refused as refused:
            status, content, headers = refused.status, json.dumps(refused.body).encode(), {}
        finally:
            # This thread's own; it goes back to the pool.
            connections.close_all()
        self._answer(status, content, headers)

    def _read_body(self) -> str:
        """Raises Refused, and then ends the connection, whose next request could not be found."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"\d{1,9}", length):
            self.close_connection = True
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Send the body with its Content-Length.")
        if int(length) > MOST_BYTES:
            self.close_connection = True
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is too large.")
        return self.rfile.read(int(length)).decode("utf-8", "replace")

    def _ask(self, body: str) -> tuple[int, bytes, dict[str, Any]]:
        content, status, headers = InProcessClient().request(
            self.command, f"http://{LOOPBACK}{self.path}", dict(self.headers), body or None
        )
        return status, content.encode(), dict(headers)

    def _answer(self, status: int, content: bytes, headers: dict[str, Any]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            if name.lower() not in NOT_PASSED_ON:
                self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Without the query, which may name people."""
        path = self.path.split("?", 1)[0] if hasattr(self, "path") else ""
        logger.info("simulated API asked", extra={"method": self.command, "path": path, "status": int(code)})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """Broken connections and unreadable requests: of no interest here."""


def require_key(authorization: str) -> None:
    """Bearer, or Basic with the key as its name. Raises Refused."""
    key = _key_of(authorization)
    if not key:
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "You did not provide an API key. Send it as the name of HTTP Basic authentication, or as a Bearer token.",
        )
    if not hmac.compare_digest(key.encode(), settings.STRIPE_SECRET_KEY.encode()):
        raise Refused(HTTPStatus.UNAUTHORIZED, f"Invalid API Key provided: {_masked(key)}")


def _key_of(authorization: str) -> str:
    kind, _, value = authorization.strip().partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().split(":", 1)[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _masked(key: str) -> str:
    """`sk_test_****0000`: SECURITY: what was sent may be the real key of somebody who mixed them up."""
    start = re.match(r"(sk|rk|pk)_(test|live)_", key)
    return f"{start.group() if start else ''}****{key[-4:] if len(key) > 12 else ''}"
