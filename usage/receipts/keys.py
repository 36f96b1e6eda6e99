"""The keys that sign checkpoints: made, sealed, retired.

A private key is stored sealed (config/sealing.py), bound to its row's id, so that a copy of the database alone signs
nothing.
"""

import base64
from typing import Any
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from django.utils import timezone

from config import errors, sealing
from usage.receipts import bodies, locks, verify
from usage.receipts.models import Log, SigningKey

PURPOSE = b"steward signing keys 1"


class UnableToSign(errors.DomainError):
    code = "unable_to_sign"
    status = 503
    message = "The key that signs this log cannot be opened. An operator must look at SECRET_KEY."


def in_force() -> SigningKey:
    """The key that signs, made at first use. In a transaction, at whose end at least it stays in force."""
    key = SigningKey.objects.select_for_update(of=("self",), no_key=True).filter(retired_at=None).first()
    if key is None:
        locks.hold("signing-key")
        key = SigningKey.objects.filter(retired_at=None).first() or make()
    return key


def make() -> SigningKey:
    private = Ed25519PrivateKey.generate()
    key = SigningKey(id=uuid4(), public_key=private.public_key().public_bytes_raw())
    key.sealed_private = _seal(key, private.private_bytes_raw())
    key.save(force_insert=True)
    return key


def retire(key: SigningKey, reason: str) -> SigningKey:
    """Puts a new key in force. In a transaction. The logs take it up in `sequencer.adopt_key`."""
    key.retired_at, key.retired_reason = timezone.now(), reason
    key.save(update_fields=["retired_at", "retired_reason"])
    return make()


def destroy_unused() -> int:
    """Forgets the private part of retired keys that no log signs with any more. Returns how many."""
    destroyed = 0
    for retired in SigningKey.objects.filter(retired_at__isnull=False, sealed_private__isnull=False):
        with transaction.atomic():
            # Who makes a log locks the key first: after this lock no log can still take it.
            key = SigningKey.objects.select_for_update().get(id=retired.id)
            if not Log.objects.filter(signing_key=key).exists():
                key.sealed_private = None
                key.save(update_fields=["sealed_private"])
                destroyed += 1
    return destroyed


def verifier(log: Log, key: SigningKey) -> verify.Key:
    return verify.Key(log.origin, bytes(key.public_key))


def sign(key: SigningKey, message: bytes) -> bytes:
    """Raises UnableToSign."""
    return Ed25519PrivateKey.from_private_bytes(_unseal(key)).sign(message)


def sign_note(log: Log, text: str) -> str:
    """`text` as a C2SP signed note under the log's key. Raises UnableToSign."""
    name = verifier(log, log.signing_key)
    signature = base64.b64encode(name.id + sign(log.signing_key, text.encode())).decode()
    return f"{text}\n— {name.name} {signature}\n"


def rotation_leaf(log: Log, new: SigningKey) -> dict[str, Any]:
    """The change from the log's key to `new`, signed by both. Raises UnableToSign."""
    old = log.signing_key
    leaf = {
        "type": verify.ROTATION,
        "version": bodies.VERSION,
        "log": log.origin,
        "old_key": str(verifier(log, old)),
        "new_key": str(verifier(log, new)),
        "reason": old.retired_reason,
        "rotated_at": bodies.instant(timezone.now()),
        "signatures": None,
    }
    message = verify.ROTATION_DOMAIN + bodies.canonical(leaf).encode()
    signatures = {"old": sign(old, message), "new": sign(new, message)}
    leaf["signatures"] = {role: base64.b64encode(each).decode() for role, each in signatures.items()}
    return leaf


def _seal(key: SigningKey, private: bytes) -> bytes:
    return sealing.seal(private, purpose=PURPOSE, bound_to=key.id.bytes)


def _unseal(key: SigningKey) -> bytes:
    try:
        return sealing.unseal(bytes(key.sealed_private or b""), purpose=PURPOSE, bound_to=key.id.bytes)
    except InvalidTag as error:
        raise UnableToSign() from error
