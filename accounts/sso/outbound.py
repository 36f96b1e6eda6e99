"""Calls to addresses that an owner typed: a timeout, no redirect, a bounded answer, and no private host."""

import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings

from config import outbound
from config.outbound import CallFailed, CallRefused

__all__ = ["CallFailed", "CallRefused", "GuardedSession", "check_address"]
TIMEOUT_S = 8
MOST_BYTES = 512 * 1024


def check_address(url: str) -> None:
    """Raises CallRefused for what could only be private or open: anything but https and names of public hosts."""
    parts = urlsplit(url)
    if settings.SSO_ALLOW_PRIVATE_HOSTS and parts.scheme in ("http", "https") and parts.hostname:
        return
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise CallRefused("only https addresses of public hosts are called")


def _dial(host: str, port: int, timeout: Any) -> socket.socket:
    return outbound.dial(host, port, timeout, may_be_private=settings.SSO_ALLOW_PRIVATE_HOSTS)


class GuardedSession(outbound.GuardedSession):
    """Raises CallFailed for everything that goes wrong, redirects among it."""

    def __init__(self) -> None:
        super().__init__(_dial)

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
