"""Calls to addresses that somebody typed: a timeout, no redirect, a bounded answer, and no private host.

The name is resolved once and the connection goes to the very address that was looked at, so that a name which answers
differently a moment later leads nowhere else.
"""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util import connection as dialling

TIMEOUT_S = 8
MOST_BYTES = 512 * 1024


CallFailed = requests.RequestException


class CallRefused(CallFailed):
    """An address that is not called, or an answer that is not taken."""


def is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.split("%", 1)[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (mapped is None or mapped.is_global)


def check_address(url: str, *, allows_private: bool = False) -> None:
    """Raises CallRefused for what could only be private or open: anything but https and names of public hosts."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises for what is no port
    except ValueError as error:
        raise CallRefused("this is no address") from error
    if allows_private and parts.scheme in ("http", "https") and parts.hostname:
        return
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise CallRefused("only https addresses of public hosts are called")


def look_up(host: str, port: int, *, allows_private: bool = False) -> list[str]:
    """The addresses of a host, to dial in their order. Raises CallRefused, and OSError for a name without any."""
    found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    # SECURITY: one private address among public ones is enough to refuse: which is taken is chance.
    if not allows_private and not all(map(is_public, found)):
        raise CallRefused(f"{host} is a private host")
    return found


class _Looked:
    """Of a connection: dials an address that was looked at; TLS still asks for the name."""

    allows_private = False

    def _new_conn(self: Any) -> socket.socket:
        host = self._dns_host.strip("[]")
        try:
            for address in look_up(host, self.port, allows_private=self.allows_private):
                return dialling.create_connection((address, self.port), self.timeout)
        except OSError as error:
            if isinstance(error, CallRefused):
                raise
            raise NewConnectionError(self, "the host could not be reached") from error
        raise NewConnectionError(self, "the host has no address")


class _LookedHTTP(_Looked, HTTPConnection): ...


class _LookedHTTPS(_Looked, HTTPSConnection): ...


class _PrivateHTTP(_LookedHTTP):
    allows_private = True


class _PrivateHTTPS(_LookedHTTPS):
    allows_private = True


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _LookedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _LookedHTTPS


class _PrivateHTTPPool(HTTPConnectionPool):
    ConnectionCls = _PrivateHTTP


class _PrivateHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PrivateHTTPS


POOLS = {
    False: {"http": _HTTPPool, "https": _HTTPSPool},
    True: {"http": _PrivateHTTPPool, "https": _PrivateHTTPSPool},
}


class _Adapter(HTTPAdapter):
    def __init__(self, *, allows_private: bool) -> None:
        self.allows_private = allows_private
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS[self.allows_private]


class GuardedSession(requests.Session):
    """Raises CallFailed for everything that goes wrong, redirects among it."""

    most_bytes = MOST_BYTES
    timeout_s = TIMEOUT_S

    def __init__(self, *, allows_private: bool = False) -> None:
        super().__init__()
        self.allows_private = allows_private
        # A proxy of the environment would be who looks names up.
        self.trust_env = False
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(allows_private=allows_private))

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        check_address(url, allows_private=self.allows_private)
        options |= {"timeout": self.timeout_s, "allow_redirects": False, "stream": True}
        response = super().request(method, url, **options)
        with response:
            content = response.raw.read(self.most_bytes + 1, decode_content=True)
        if response.is_redirect or len(content) > self.most_bytes:
            raise CallRefused("a redirect, or more than is read")
        response._content = content
        response._content_consumed = True
        response.headers.setdefault("content-type", "")
        return response
