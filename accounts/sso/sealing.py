"""Client secrets at rest: AES-256-GCM under a key derived from SECRET_KEY, bound to the connection's id.

A copy of the database alone opens none. After a change of SECRET_KEY, SECRET_KEY_FALLBACKS opens what it sealed.
"""

import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from config import errors

NONCE_BYTES = 12


class SecretUnreadable(errors.DomainError):
    code = "sso_secret_unreadable"
    status = 503
    message = "The secret of this connection cannot be opened: an owner must enter it again."


def seal(connection_id: UUID, text: str) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(_key(settings.SECRET_KEY)).encrypt(nonce, text.encode(), connection_id.bytes)


def unseal(connection_id: UUID, sealed: bytes) -> str:
    """Raises SecretUnreadable."""
    nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return AESGCM(_key(secret)).decrypt(nonce, text, connection_id.bytes).decode()
        except (InvalidTag, ValueError):
            continue
    raise SecretUnreadable()


def _key(secret: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"steward single sign-on 1").derive(secret.encode())
