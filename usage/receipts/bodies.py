"""What the leaves say: canonical JSON (RFC 8785) with whole numbers and texts only, so that every program reads it
alike. A number that is neither is written as a text.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import rfc8785

from tenants.models import AuditEntry
from usage.receipts.settled import PriceRow, SettledRun
from usage.receipts.verify import MAX_INTEGER

VERSION = 1
SEALED_VERSION = 2
# The unit of every amount in micro-units (usage/prices.yaml).
CURRENCY = "USD"


def canonical(value: Any) -> str:
    return rfc8785.dumps(plain(value)).decode()


def plain(value: Any) -> Any:
    """The value as JSON without floating-point numbers, big numbers, or types of Python."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= MAX_INTEGER else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    # Half a surrogate pair is no Unicode: it must not keep a run from being settled.
    return str(value).encode(errors="replace").decode()


def instant(value: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def salted_hash(salt: bytes, value: Any) -> str:
    """SHA-256 of the salt and the canonical JSON of what was said: nobody can guess it without the salt."""
    return hashlib.sha256(salt + canonical(value).encode()).hexdigest()


def of_receipt(receipt_id: UUID, run: SettledRun, prices: Sequence[PriceRow]) -> dict[str, Any]:
    settlement, actual = run.settlement, run.settlement.actual
    hold = settlement.held  # amounts only: the limits' own lines tell the platform's figures too
    amounts = {name: amount for name, amount in vars(actual).items() if type(amount) is int}
    return {
        **({"recorded": "later"} if run.is_late else {}),
        "type": "receipt",
        "version": VERSION,
        "receipt_id": receipt_id,
        "workspace_id": hold.workspace_id,
        "person_ref": hold.person_ref,
        "api_key_id": hold.api_key_id,
        "assistant_id": hold.assistant_id,
        "run": {
            "id": hold.id,
            "kind": hold.kind,
            "attempt": run.attempt,
            "state": run.state,
            "finish_reason": run.finish_reason,
            "error": run.error_code,
        },
        "model": {"asked": hold.model, "answered": run.model_answered, "provider": actual.provider},
        "parameters": run.parameters,
        "texts": {"prompt": run.prompt_hash, "answer": run.answer_hash},
        "usage": {**amounts, "is_estimated": actual.is_estimated},
        "hold": hold.amounts,
        "cost": {
            "micro": settlement.cost_micro,
            "currency": CURRENCY,
            "priced_as": actual.model,
            "prices": [vars(row) for row in prices],
        },
        "gates": [vars(gate) for gate in run.gates],
        "times": {"asked": hold.created_at, "started": run.started_at, "settled": settlement.settled_at},
    }


def of_audit_entry(entry: AuditEntry) -> dict[str, Any]:
    """Version 2 says what is sealed too, as it stands there: destroying its key changes nothing here. An entry that
    seals nothing is of version 1, as all were before."""
    sealed = {"version": SEALED_VERSION, "sealed": entry.sealed} if entry.sealed else {"version": VERSION}
    return {
        "type": "audit",
        **sealed,
        "workspace_id": entry.workspace_id,
        "entry_id": entry.id,
        "actor_kind": entry.actor_kind,
        "actor_ref": entry.actor_ref,
        "action": entry.action,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "data": entry.data,
        "request_id": entry.request_id,
        "at": entry.created_at,
    }
