"""Personal fields of rows that nobody can change: sealed under a key of whom they speak, which can be destroyed.

AES-256-GCM. A subject's key is random, stored under a key derived from SECRET_KEY (or one of SECRET_KEY_FALLBACKS).
Where the row of the key is gone, nothing can open what it sealed: backups of the table keep it until they expire. Keys
are read each time and kept by no process, so that nothing outlives the row.
"""

import base64
import json
import os
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag

from config import sealing
from tenants.models import SealingKey

PURPOSE = b"steward sealing keys 1"
KEY_BYTES = 32


def seal(ref: UUID, fields: dict[str, Any]) -> str:
    """JSON-ready `fields` as base64 of nonce and ciphertext. Makes the subject's key at first use: in a transaction."""
    return seal_each([(ref, fields)])[0]


def seal_each(fields: Collection[tuple[UUID, dict[str, Any]]]) -> list[str]:
    """The same for several subjects, in order: one query when all of them have their keys."""
    keys = _keys({ref for ref, _ in fields})
    return [_seal(keys[ref], ref, values) for ref, values in fields]


def unseal(sealed: Iterable[tuple[UUID, str]]) -> list[dict[str, Any] | None]:
    """In order; None where the key was destroyed (and where another was made since). One query."""
    pairs = list(sealed)
    rows = SealingKey.objects.in_bulk({ref for ref, _ in pairs})
    keys = {ref: _open_key(row) for ref, row in rows.items()}
    return [_open(keys[ref], ref, text) if ref in keys else None for ref, text in pairs]


def destroy(refs: Iterable[UUID]) -> int:
    """Erases for good what these keys sealed. Returns how many keys there were."""
    return SealingKey.objects.filter(ref__in=list(refs)).delete()[0]


def _keys(refs: set[UUID]) -> dict[UUID, bytes]:
    rows = SealingKey.objects.in_bulk(refs)
    # In one order, so that two who make the same keys wait for each other and not crosswise.
    missing = sorted(refs - rows.keys())
    if missing:
        fresh = [SealingKey(ref=ref, sealed=_fresh_key(ref)) for ref in missing]
        SealingKey.objects.bulk_create(fresh, ignore_conflicts=True)
        rows = SealingKey.objects.in_bulk(refs)
    return {ref: _open_key(row) for ref, row in rows.items()}


def _fresh_key(ref: UUID) -> bytes:
    return sealing.seal(os.urandom(KEY_BYTES), purpose=PURPOSE, bound_to=ref.bytes)


def _open_key(row: SealingKey) -> bytes:
    return sealing.unseal(bytes(row.sealed), purpose=PURPOSE, bound_to=row.ref.bytes)


def _seal(key: bytes, ref: UUID, fields: dict[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(sealing.encrypt(key, text.encode(), ref.bytes)).decode()


def _open(key: bytes, ref: UUID, text: str) -> dict[str, Any] | None:
    try:
        opened: dict[str, Any] = json.loads(sealing.decrypt(key, base64.b64decode(text), ref.bytes))
    except InvalidTag:
        return None
    return opened
