"""Base URLs of providers as somebody typed them, and where they lead."""

import ipaddress
import socket
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from assistants.providers.refusals import about
from config import outbound

OPENAI_URL = "https://api.openai.com/v1"
MOST = 300
FIELD = "base_url"
PRIVATE = "Private hosts are not called here. Whoever runs this service can allow them."


def normalised(text: str) -> str:
    """As it is kept: lower-case host, no slash at the end. Raises ProviderRefused. Asks no name server."""
    try:
        parts = urlsplit(text.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise about(FIELD, "This is no address of a server.") from error
    strange = any(not 32 < ord(sign) < 127 or sign in '\\"<>^`{|}' for sign in text.strip())
    if parts.scheme not in ("http", "https") or not host or strange or len(text) > MOST:
        raise about(FIELD, "Write an address like https://models.example.com/v1.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise about(
            FIELD, "Write the address alone: no user name, nothing after ? or #. The key has its own field."
        )
    may_be_private = settings.PROVIDERS_ALLOW_PRIVATE_HOSTS
    if parts.scheme == "http" and not may_be_private:
        raise about(FIELD, "Only https is called: the key would be readable on its way.")
    if _is_private_literal(host) and not may_be_private:
        raise about(FIELD, PRIVATE)
    name = f"[{host}]" if ":" in host else host
    netloc = name if port is None else f"{name}:{port}"
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))


def is_local(base_url: str) -> bool:
    """Whether it leads to private hosts only, which the operator allows. Asks the name server, then only."""
    if not settings.PROVIDERS_ALLOW_PRIVATE_HOSTS:
        return False
    parts = urlsplit(base_url)
    try:
        rows = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    # SECURITY: one public address is enough to be of the cloud: plans of local models only go by this.
    return bool(rows) and not any(outbound.is_public(str(row[4][0])) for row in rows)


def _is_private_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return not outbound.is_public(host)
