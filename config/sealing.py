"""Secrets at rest: AES-256-GCM under a key derived from SECRET_KEY, by HKDF (RFC 5869) and for one purpose each.

A copy of the database alone opens none. After a change of SECRET_KEY, SECRET_KEY_FALLBACKS opens what it sealed.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12


def seal(plain: bytes, *, purpose: bytes, bound_to: bytes | None = None) -> bytes:
    """Nonce and ciphertext. It opens for the same purpose only, and `bound_to` the same row."""
    return encrypt(_key(settings.SECRET_KEY, purpose), plain, bound_to)


def unseal(sealed: bytes, *, purpose: bytes, bound_to: bytes | None = None) -> bytes:
    """Raises InvalidTag for what no present or former SECRET_KEY sealed so."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return decrypt(_key(secret, purpose), sealed, bound_to)
        except (InvalidTag, ValueError):  # the latter for what is too short to be sealed
            continue
    raise InvalidTag


def is_fresh(sealed: bytes, *, purpose: bytes, bound_to: bytes | None = None) -> bool:
    """Whether the present SECRET_KEY sealed it so."""
    try:
        decrypt(_key(settings.SECRET_KEY, purpose), sealed, bound_to)
    except (InvalidTag, ValueError):
        return False
    return True


def encrypt(key: bytes, plain: bytes, bound_to: bytes | None) -> bytes:
    """Nonce and ciphertext, under a key of the caller's."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def decrypt(key: bytes, sealed: bytes, bound_to: bytes | None) -> bytes:
    """Raises InvalidTag, or ValueError for what is too short."""
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)


def _key(secret: str, purpose: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
