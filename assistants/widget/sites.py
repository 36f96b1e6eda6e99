"""Sites that may frame a widget: origins, as a browser compares them (WHATWG URL, CSP3 frame-ancestors)."""

import re
from urllib.parse import urlsplit

from assistants.widget.refusals import SitesRefused

MOST = 20
HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LOOPBACK = ("localhost", "127.0.0.1")


def read(text: str) -> list[str]:
    """One on each line. Raises SitesRefused, which names the line."""
    found = list(dict.fromkeys(_origin(line.strip()) for line in text.splitlines() if line.strip()))
    if len(found) > MOST:
        raise SitesRefused(f"At most {MOST} sites can be named.")
    return found


def _origin(line: str) -> str:
    try:
        parts = urlsplit(line if "://" in line else f"https://{line}")
        host, port = (parts.hostname or "").lower(), parts.port
        is_wild = host.startswith("*.")
        ascii_host = host.removeprefix("*.").encode("idna").decode() if host else ""
    except ValueError as error:
        raise _refused(line) from error
    named = f"*.{ascii_host}" if is_wild else ascii_host
    # SECURITY: what is kept goes into a header as it is: nothing but a scheme, a name and a port.
    is_plain = HOST.fullmatch(named) and not (parts.path.strip("/") or parts.query or parts.fragment)
    if not is_plain or parts.username or (is_wild and "." not in ascii_host):
        raise _refused(line)
    if parts.scheme != "https" and not (parts.scheme == "http" and ascii_host in LOOPBACK):
        raise SitesRefused(f"{line[:80]}: only https:// sites can be trusted to be who they say.")
    default = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{named}" + (f":{port}" if port not in (None, default) else "")


def _refused(line: str) -> SitesRefused:
    return SitesRefused(f"{line[:80]} is not the address of a site. Write it like https://www.example.com.")
