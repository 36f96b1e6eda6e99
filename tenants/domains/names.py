"""Which names may be a workspace's own domain."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from config import errors

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Names that no public name server speaks for (RFC 6761 and 6762, and what routers make up).
NOT_PUBLIC = frozenset(
    (
        "localhost",
        "local",
        "localdomain",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "invalid",
        "onion",
        "arpa",
    )
)
LONGEST = 253 - len("_steward-challenge.")


class DomainRefused(errors.DomainError):
    code = "domain_refused"
    status = 422
    message = "This name cannot be used."


def normalize(typed: str) -> str:
    """The ASCII name in lower case, also of a pasted address. Raises DomainRefused."""
    host = _host(typed.strip())
    _refuse_ours_and_numbers(host)
    try:
        name = host.encode("idna").decode().lower()
    except UnicodeError as error:
        raise malformed() from error
    labels = name.split(".")
    if len(name) > LONGEST or not all(LABEL.fullmatch(label) for label in labels):
        raise malformed()
    if len(labels) < 2:
        raise DomainRefused("Use a whole name, such as chat.example.com.", code="domain_single_label")
    if labels[-1] in NOT_PUBLIC or labels[-1].isdigit():
        raise DomainRefused("This name is not part of the public internet.", code="domain_not_public")
    _refuse_ours_and_numbers(name)
    return name


def is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def malformed() -> DomainRefused:
    return DomainRefused("This is no domain name. One looks like chat.example.com.", code="domain_malformed")


def _host(typed: str) -> str:
    """Of `https://Chat.Example.com/path` what names the host; a port stays, and is refused later."""
    try:
        return (urlsplit(typed).netloc if "//" in typed else typed.split("/", 1)[0]).lower().removesuffix(".")
    except ValueError as error:
        raise malformed() from error


def _refuse_ours_and_numbers(name: str) -> None:
    if is_address(name):
        raise DomainRefused("An IP address cannot be proven by DNS: use a name.", code="domain_is_address")
    if any(name == host or name.endswith(f".{host}") for host in settings.MAIN_HOSTS if host):
        raise DomainRefused("This name is the service’s own.", code="domain_is_ours")
