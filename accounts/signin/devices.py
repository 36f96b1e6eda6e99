"""Which browser on which system, from what a browser says of itself."""

import functools
from dataclasses import dataclass

import ua_parser

MOST = 60
UNKNOWN_BROWSER, UNKNOWN_SYSTEM = "An unknown browser", "an unknown system"
PHONES = frozenset({"iOS", "Android"})


@dataclass(frozen=True)
class Device:
    browser: str
    system: str

    @property
    def label(self) -> str:
        return f"{self.browser} on {self.system}"

    @property
    def is_phone(self) -> bool:
        return self.system in PHONES


@functools.lru_cache(maxsize=1024)
def device_of(agent: str) -> Device:
    """Families without versions: an update is no new device."""
    found = ua_parser.parse(agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    return Device(
        _known(browser, UNKNOWN_BROWSER),
        _known(system.replace("Mac OS X", "macOS"), UNKNOWN_SYSTEM),
    )


def _known(family: str, otherwise: str) -> str:
    return family[:MOST] if family and family != "Other" else otherwise
