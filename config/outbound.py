"""Calls to addresses that somebody typed, or a model named: public hosts only, looked at when they are dialled.

A name is resolved once and the connection goes to the very address that was looked at, so that a name which answers
differently a moment later leads nowhere else. Whoever uses it bounds time and size (`accounts.sso.outbound`,
`assistants.tools.reading`, `assistants.llm.guard`).
"""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util import connection as dialling

CallFailed = requests.RequestException
TimedOut = requests.Timeout
Dial = Callable[[str, int, Any], socket.socket]
"""(host, port, timeout) → a connected socket."""

_UNICAST = ipaddress.ip_network("2000::/3")
# Of protocols, and of the metadata service of one cloud.
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class CallRefused(CallFailed):
    """An address that is not called, or an answer that is not taken."""


def is_public(address: str) -> bool:
    """Whether it is an address of the open internet, also where it carries another in itself."""
    found = ipaddress.ip_address(address.split("%", 1)[0])
    if isinstance(found, ipaddress.IPv4Address):
        return _is_public_v4(found)
    carried = found.ipv4_mapped or found.sixtofour
    if found in _NAT64:
        carried = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    if carried is not None:
        return _is_public_v4(carried)
    # SECURITY: only what is given out as unicast. `is_global` alone takes ::127.0.0.1 and site-local for public.
    return found in _UNICAST and found.is_global


def _is_public_v4(found: ipaddress.IPv4Address) -> bool:
    return found.is_global and not found.is_multicast and found not in _PROTOCOLS


def look_up(host: str, port: int, *, may_be_private: bool = False) -> str:
    """The address to connect to. Raises CallRefused, OSError, and UnicodeError for what is no name."""
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found = list(dict.fromkeys(str(row[4][0]) for row in rows))
    # SECURITY: one private address among public ones is enough to refuse: which is taken is chance.
    if not may_be_private and not all(map(is_public, found)):
        raise CallRefused(f"{host} is a private host")
    if not found:
        raise OSError("the host has no address")
    return found[0]


def dial(host: str, port: int, timeout: Any, *, may_be_private: bool = False) -> socket.socket:
    """Raises CallRefused, OSError."""
    address = look_up(host, port, may_be_private=may_be_private)
    return dialling.create_connection((address, port), timeout)


class Lines:
    """The sockets that one piece of work opened. Hanging up from another thread ends whatever waits for them."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.is_hung_up = False

    def keep(self, made: socket.socket) -> socket.socket:
        """The socket itself, which is hung up at once when that was asked for before it was there."""
        with self._lock:
            # A duplicate: TLS takes the first one over.
            self._open.append(made.dup())
        if self.is_hung_up:
            self.hang_up()
        return made

    def hang_up(self) -> None:
        self.is_hung_up = True
        with self._lock:
            for line in self._open:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            while self._open:
                self._open.pop().close()


class GuardedSession(requests.Session):
    """One that connects by `dial` only."""

    def __init__(self, dial: Dial) -> None:
        super().__init__()
        # A proxy of the environment would be who looks names up.
        self.trust_env = False
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(dial))


class _Adapter(HTTPAdapter):
    def __init__(self, dial: Dial) -> None:
        self._pools = _pools_of(dial)
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


def _pools_of(dial: Dial) -> dict[str, Any]:
    def connect(self: Any) -> socket.socket:
        try:
            return dial(self._dns_host.strip("[]"), self.port, self.timeout)
        except CallRefused:
            raise
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, "the host could not be reached") from error

    # Of a connection only where it goes is ours: TLS still asks for the name.
    plain = type("_Plain", (HTTPConnection,), {"_new_conn": connect})
    sealed = type("_Sealed", (HTTPSConnection,), {"_new_conn": connect})
    return {
        "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("_SealedPool", (HTTPSConnectionPool,), {"ConnectionCls": sealed}),
    }
