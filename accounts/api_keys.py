"""The format of API keys: `stw_<environment>_` + 8 characters that find the row + 22 secret ones + 6 of checksum.

All base62. The checksum is the CRC-32 of everything before it, so that a mistyped key, or a string that only looks like
one, is refused without a query, and secret scanners can tell a real key. The secret part carries 130 bits, so one
SHA-256 is enough to store it. Keys made before there were environments are `stw_` + 8 + 30 + 6, and work everywhere.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

from django.conf import settings

MARK = "stw_"
ENVIRONMENTS = ("live", "test", "demo")
FORMER = ""
"""The environment of a key in the former format."""
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 8, 22, 6
SHAPE = re.compile(rf"stw_(?:({'|'.join(ENVIRONMENTS)})_[0-9A-Za-z]{{36}}|[0-9A-Za-z]{{44}})")


@dataclass(frozen=True)
class NewKey:
    text: str
    environment: str
    prefix: str
    key_hash: bytes


@dataclass(frozen=True)
class Parsed:
    environment: str
    prefix: str


def generate(*, prefix: str = "") -> NewKey:
    """A key of this installation's environment. `prefix`: of the row that it is another secret for."""
    environment = settings.API_KEY_ENVIRONMENT
    prefix = prefix or _random(PREFIX_LENGTH)
    body = f"{MARK}{environment}_{prefix}{_random(SECRET_LENGTH)}"
    text = body + checksum(body)
    return NewKey(text=text, environment=environment, prefix=prefix, key_hash=hash_of(text))


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits


def parse(text: str) -> Parsed | None:
    """What a well-formed key says of itself; None for every other text."""
    shape = SHAPE.fullmatch(text)
    if shape is None:
        return None
    body, given = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    if not hmac.compare_digest(checksum(body), given):
        return None
    environment = shape[1] or FORMER
    return Parsed(environment, body[len(head_of(environment)) :][:PREFIX_LENGTH])


def is_well_formed(text: str) -> bool:
    return parse(text) is not None


def head_of(environment: str) -> str:
    return f"{MARK}{environment}_" if environment else MARK


def prefix_of(text: str) -> str:
    """Of a well-formed key. Raises ValueError for any other text."""
    found = parse(text)
    if found is None:
        raise ValueError("this is no API key")
    return found.prefix


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def matches(text: str, key_hash: bytes | memoryview) -> bool:
    return hmac.compare_digest(hash_of(text), bytes(key_hash))
