"""The one-time part of an invitation's link: 256 random bits, so one SHA-256 is enough to store it."""

import hashlib
import secrets


def generate() -> str:
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
