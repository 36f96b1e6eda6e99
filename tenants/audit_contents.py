"""What an audit entry may keep for ever: JSON without secrets, and without anything that names a person openly."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

Leaks = list[str]
LEFT_OUT = "[left out]"
# Parts of names, as `client_secret` has them. Counts of tokens are `tokens`; ids and prefixes of keys are no keys.
OF_SECRETS = """
secret secrets password passwords passphrase token cookie hash salt otp seed codes recovery credential credentials
authorization private pem
"""
OF_PERSONS = "email emails address addresses ip agent phone surname"
FORBIDDEN = frozenset((OF_SECRETS + OF_PERSONS).split())
SECRET_TEXTS = re.compile(
    r"stw_(?:[a-z]+_)?[0-9A-Za-z]{9}|\b[sr]k_(live|test)_|\bsk-\w{16}|\bwhsec_|-----BEGIN |\beyJ[\w-]{8,}\.[\w-]+\.|"
    r"pbkdf2_|\$argon2"
)
PERSONAL_TEXTS = re.compile(r"[^\s@]+@[^\s@]+\.[a-zA-Z]{2,}|\b\d{1,3}(\.\d{1,3}){3}\b")


def plain(value: Any) -> Any:
    """As JSON knows it: ids and members of enums as texts, times in ISO 8601."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def without_leaks(value: Any, leaks: Leaks, place: str = "") -> Any:
    """The same without secrets and open personal fields; their places are added to `leaks`."""
    if isinstance(value, dict):
        return {name: _field(name, item, leaks, f"{place}.{name}".strip(".")) for name, item in value.items()}
    if isinstance(value, list):
        return [without_leaks(item, leaks, f"{place}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, str) and (SECRET_TEXTS.search(value) or PERSONAL_TEXTS.search(value)):
        leaks.append(place)
        return LEFT_OUT
    return value


def _field(name: str, value: Any, leaks: Leaks, place: str) -> Any:
    """A name that forbids its value: unless that says only whether there is one, or how many."""
    if is_forbidden(name) and not (value is None or isinstance(value, bool | int | float)):
        leaks.append(place)
        return LEFT_OUT
    return without_leaks(value, leaks, place)


def is_forbidden(name: str) -> bool:
    return not {*re.split(r"[^a-z0-9]+", name.lower())}.isdisjoint(FORBIDDEN)
