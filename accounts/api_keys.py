"""The format of API keys: `stw_` + 8 characters that find the row + 30 secret ones + 6 of checksum, all base62.

The checksum is the CRC-32 of everything before it, so that a mistyped key, or a string that only looks like one, is
refused without a query, and secret scanners can tell a real key. The secret part carries 178 bits, so one SHA-256
is enough to store it.
"""

import hashlib
import hmac
import secrets
import string
import zlib
from dataclasses import dataclass

MARK = "stw_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 8, 30, 6
LENGTH = len(MARK) + PREFIX_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH


@dataclass(frozen=True)
class NewKey:
    text: str
    prefix: str
    key_hash: bytes


def generate() -> NewKey:
    body = MARK + "".join(secrets.choice(ALPHABET) for _ in range(PREFIX_LENGTH + SECRET_LENGTH))
    text = body + checksum(body)
    return NewKey(text=text, prefix=prefix_of(text), key_hash=hash_of(text))


def checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        digits = ALPHABET[rest] + digits
    return digits


def is_well_formed(text: str) -> bool:
    if len(text) != LENGTH or not text.startswith(MARK) or not text.isascii():
        return False
    body, given = text[:-CHECKSUM_LENGTH], text[-CHECKSUM_LENGTH:]
    return hmac.compare_digest(checksum(body), given)


def prefix_of(text: str) -> str:
    return text[len(MARK) : len(MARK) + PREFIX_LENGTH]


def hash_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def matches(text: str, key_hash: bytes | memoryview) -> bool:
    return hmac.compare_digest(hash_of(text), bytes(key_hash))
