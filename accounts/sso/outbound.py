"""Calls to addresses that an owner typed: a timeout, no redirect, a bounded answer, and no private host.

The name is resolved once and the connection goes to the very address that was looked at, so that a name which answers
differently a moment later leads nowhere else.
"""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
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


def check_address(url: str) -> None:
    """Raises CallRefused for what could only be private or open: anything but https and names of public hosts."""
    parts = urlsplit(url)
    if settings.SSO_ALLOW_PRIVATE_HOSTS and parts.scheme in ("http", "https") and parts.hostname:
        return
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise CallRefused("only https addresses of public hosts are called")


def _addresses(host: str, port: int) -> list[str]:
    found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    # SECURITY: one private address among public ones is enough to refuse: which is taken is chance.
    if not settings.SSO_ALLOW_PRIVATE_HOSTS and not all(map(is_public, found)):
        raise CallRefused(f"{host} is a private host")
    return found


class _Looked:
    """Of a connection: dials an address that was looked at; TLS still asks for the name."""

    def _new_conn(self: Any) -> socket.socket:
        host = self._dns_host.strip("[]")
        try:
            for address in _addresses(host, self.port):
                return dialling.create_connection((address, self.port), self.timeout)
        except OSError as error:
            if isinstance(error, CallRefused):
                raise
            raise NewConnectionError(self, "the host could not be reached") from error
        raise NewConnectionError(self, "the host has no address")


class _LookedHTTP(_Looked, HTTPConnection): ...


class _LookedHTTPS(_Looked, HTTPSConnection): ...


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _LookedHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _LookedHTTPS


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


class GuardedSession(requests.Session):
    """Raises CallFailed for everything that goes wrong, redirects among it."""

    def __init__(self) -> None:
        super().__init__()
        # A proxy of the environment would be who looks names up.
        self.trust_env = False
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(max_retries=0))

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        check_address(url)
        options |= {"timeout": TIMEOUT_S, "allow_redirects": False, "stream": True}
        response = super().request(method, url, **options)
        with response:
            content = response.raw.read(MOST_BYTES + 1, decode_content=True)
        if response.is_redirect or len(content) > MOST_BYTES:
            raise CallRefused("a redirect, or more than is read")
        response._content = content
        response._content_consumed = True
        response.headers.setdefault("content-type", "")
        return response
