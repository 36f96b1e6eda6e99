"""Asks a provider which models it has: `GET {base_url}/models`, bounded in time and size, and guarded like every
address that somebody typed (config/outbound.py). No model runs. Never inside a transaction."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError

from config import outbound

TIME_S = 12.0
CONNECT_S = 5
MOST_BYTES = 2 * 1024 * 1024
PIECE = 16 * 1024
MOST_MODELS = 400
MOST_NAME = 95
"""With its provider’s slug and the slash it is a name of 120 characters at most (`services.SLUG_LENGTH`)."""
OK = "ok"

SENTENCES = {
    OK: "It answers and lists its models.",
    "unauthorised": "The server refused the key.",
    "no_such_host": "There is no host of this name.",
    "private_host": "The host is private, and private hosts are not called here.",
    "unreachable": "The server could not be reached.",
    "tls_failed": "The server’s certificate is not valid for this address.",
    "timeout": "The server took too long.",
    "redirected": "The server leads elsewhere, and a key is not carried there. Enter the final address.",
    "not_found": "There is no list of models at this address. It often ends in /v1.",
    "server_failed": "The server answered that it failed.",
    "status_refused": "The server answered with a refusal.",
    "too_large": "The answer is larger than a list of models can be.",
    "no_list": "The answer is no list of models. The address often ends in /v1.",
    "key_unreadable": "The key cannot be opened any more: enter it again.",
}
"""Code of a test → what people read."""


@dataclass(frozen=True)
class Listing:
    """`is_local`: a private host answered. `left_out`: entries that are no usable name, or too many."""

    code: str
    models: tuple[str, ...] = ()
    is_local: bool = False
    left_out: int = 0

    @property
    def is_ok(self) -> bool:
        return self.code == OK


class ListingFailed(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Lines(outbound.Lines):
    """Those of one call. They are hung up when the time is over, whatever waits for them."""

    why = ""
    is_local = False

    def dial(self, host: str, port: int, timeout: Any) -> socket.socket:
        """Notes why it failed: what is above sees one kind of failure only."""
        may_be_private = settings.PROVIDERS_ALLOW_PRIVATE_HOSTS
        try:
            made = outbound.dial(host, port, CONNECT_S, may_be_private=may_be_private)
        except outbound.CallRefused:
            self.why = "private_host"
            raise
        except (socket.gaierror, UnicodeError):
            self.why = "no_such_host"
            raise
        except TimeoutError:
            self.why = "timeout"
            raise
        self.is_local = may_be_private and not outbound.is_public(str(made.getpeername()[0]))
        return self.keep(made)


def read(base_url: str, key: str) -> Listing:
    """Whatever happens is said by the code. Ends within TIME_S."""
    line = _Lines()
    timer = threading.Timer(TIME_S, line.hang_up)
    timer.daemon = True
    timer.start()
    try:
        with outbound.GuardedSession(line.dial) as session:
            models, left_out = _models_in(_answer(session, f"{base_url}/models", key))
        return Listing(OK, models, line.is_local, left_out)
    except ListingFailed as failure:
        return Listing("timeout" if line.is_hung_up else failure.code, is_local=line.is_local)
    except requests.exceptions.SSLError:
        return Listing("timeout" if line.is_hung_up else "tls_failed")
    except requests.Timeout:
        return Listing("timeout")
    except (outbound.CallFailed, HTTPError, OSError, UnicodeError, ValueError):
        return Listing("timeout" if line.is_hung_up else line.why or "unreachable")
    finally:
        timer.cancel()
        line.close()


def _answer(session: requests.Session, url: str, key: str) -> bytes:
    headers = {
        "Authorization": f"Bearer {key}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "Steward/1.0",
        "Connection": "close",
    }
    # SECURITY: no redirect is followed: the key would go along.
    with session.get(
        url, headers=headers, timeout=(CONNECT_S, TIME_S), allow_redirects=False, stream=True
    ) as found:
        if code := _refusal_of(found.status_code):
            raise ListingFailed(code)
        return b"".join(_pieces(found.raw))


def _refusal_of(status: int) -> str:
    if status == 200:
        return ""
    if 300 <= status < 400:
        return "redirected"
    if status in (401, 403):
        return "unauthorised"
    if status == 404:
        return "not_found"
    return "server_failed" if status >= 500 else "status_refused"


def _pieces(raw: Any) -> Iterator[bytes]:
    size = 0
    # As it came: an answer that is packed is none that was asked for.
    while piece := raw.read(PIECE, decode_content=False):
        size += len(piece)
        if size > MOST_BYTES:
            raise ListingFailed("too_large")
        yield piece


def _models_in(body: bytes) -> tuple[tuple[str, ...], int]:
    """Raises ListingFailed. The list of OpenAI's protocol; Ollama's says null for none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ListingFailed("no_list") from error
    rows = found.get("data", False) if isinstance(found, dict) else False
    rows = [] if rows is None else rows
    if not isinstance(rows, list):
        raise ListingFailed("no_list")
    names = [row.get("id") if isinstance(row, dict) else None for row in rows]
    usable = list(dict.fromkeys(name for name in names if isinstance(name, str) and _is_name(name)))
    kept = sorted(usable[:MOST_MODELS])
    return tuple(kept), len(rows) - len(kept)


def _is_name(name: object) -> bool:
    return (
        isinstance(name, str) and 0 < len(name) <= MOST_NAME and name.isprintable() and name == name.strip()
    )
