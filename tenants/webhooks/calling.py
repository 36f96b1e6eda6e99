"""One request to an endpoint: a public host, no redirect, bounded in time and size (`config.outbound`)."""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from urllib3.exceptions import HTTPError

from config import errors, outbound
from config.outbound import CallFailed, CallRefused

CONNECT_S, READ_S, WHOLE_S = 5, 10, 15
KEPT_BYTES = 4096
MOST_URL = 2000


class AddressRefused(errors.DomainError):
    code = "webhook_address_refused"
    status = 422
    message = "Give an https address of a public host, without a name and password in it."


@dataclass(frozen=True)
class Answer:
    """`status` None: there was none, and `error` says why: refused, timeout, unreachable."""

    status: int | None
    body: str = ""
    error: str = ""
    took_ms: int = 0
    retry_after: str = ""

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def check_address(url: str) -> None:
    """Raises AddressRefused for what can be told without a look-up. Where a name leads is looked at when dialled."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused() from error
    schemes = ("http", "https") if settings.WEBHOOKS_ALLOW_PRIVATE_HOSTS else ("https",)
    is_plain = url.isprintable() and " " not in url and len(url) <= MOST_URL
    if parts.scheme not in schemes or not host or "@" in parts.netloc or not is_plain or "\\" in url:
        raise AddressRefused()
    if not settings.WEBHOOKS_ALLOW_PRIVATE_HOSTS and _is_private_literal(host):
        raise AddressRefused()


def _is_private_literal(host: str) -> bool:
    try:
        return not outbound.is_public(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def send(url: str, *, body: str, headers: Mapping[str, str]) -> Answer:
    """Never raises for what the other side does. At most WHOLE_S, however slowly it answers."""
    lines = outbound.Lines()
    watch = threading.Timer(WHOLE_S, lines.hang_up)
    watch.daemon = True
    began = monotonic()
    watch.start()
    try:
        with outbound.GuardedSession(_dialling(lines)) as session:
            found = _post(session, url, body, headers)
    except (CallFailed, HTTPError, OSError, ValueError) as error:
        found = Answer(None, error=_word(error, is_late=lines.is_hung_up))
    finally:
        watch.cancel()
        lines.close()
    took_ms = int((monotonic() - began) * 1000)
    return Answer(found.status, found.body, found.error, took_ms, found.retry_after)


def _word(error: BaseException, *, is_late: bool) -> str:
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, CallRefused):
            return "refused"
        found = found.__cause__ or found.__context__
    return "timeout" if is_late or isinstance(error, outbound.TimedOut) else "unreachable"


def _dialling(lines: outbound.Lines) -> Callable[[str, int, Any], socket.socket]:
    def dial(host: str, port: int, timeout: Any) -> socket.socket:
        may_be_private = settings.WEBHOOKS_ALLOW_PRIVATE_HOSTS
        return lines.keep(outbound.dial(host, port, timeout, may_be_private=may_be_private))

    return dial


def _post(session: outbound.GuardedSession, url: str, body: str, headers: Mapping[str, str]) -> Answer:
    check_or_refuse(url)
    sent = {**headers, "accept-encoding": "identity"}
    with session.post(
        url, data=body.encode(), headers=sent, timeout=(CONNECT_S, READ_S), allow_redirects=False, stream=True
    ) as response:
        raw = response.raw.read(KEPT_BYTES, decode_content=False) or b""
        # PostgreSQL keeps no zero byte in a text.
        text = raw.decode("utf-8", "replace").replace("\0", "�")
        return Answer(response.status_code, text, retry_after=response.headers.get("retry-after", ""))


def check_or_refuse(url: str) -> None:
    """Raises CallRefused: rules may be stricter than when the address was typed."""
    try:
        check_address(url)
    except AddressRefused as error:
        raise CallRefused("the address is none to call") from error


def wanted_delay_s(retry_after: str, *, now: datetime) -> float:
    """What Retry-After asks for, in seconds or as a date; 0 where it says nothing of use."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0
